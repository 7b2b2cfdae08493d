#include "convergers/draft.h"
#include "convergers/sql_converger.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/output.h"

#include <fmt/core.h>

#include <memory>

namespace converge::cli {

namespace {

struct NewRequest {
  std::string name;
  std::string flag;
  bool to_stdout = false;
};

/// Where the two files go.
struct Files {
  std::filesystem::path definition;
  std::filesystem::path test;
};

void require_name(const std::string& name) {
  const bool is_name =
      !name.empty() && name.front() >= 'a' && name.front() <= 'z' &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  if (is_name && name != "schema") return;
  throw Error(ErrorKind::usage, fmt::format("not the name of a converger: {}", printable(name)),
              "Use lower-case letters, digits and underscores, such as archive_account.");
}

void require_free(const Files& files) {
  if (!std::filesystem::is_directory(files.definition.parent_path())) {
    throw Error(ErrorKind::usage,
                fmt::format("there is no directory {}", files.definition.parent_path().native()),
                "Make it, or name another with --convergers.");
  }
  for (const auto& path : {files.definition, files.test}) {
    if (!std::filesystem::exists(std::filesystem::symlink_status(path))) continue;
    throw Error(ErrorKind::usage, fmt::format("{} exists already", path.native()),
                "Choose another name, or look at the draft with --stdout.");
  }
}

/// As `converge check` would.
void check(const Files& files, const convergers::Draft& draft, postgres::Session& session) {
  convergers::SqlConverger converger(
      convergers::parse_definition(files.definition, draft.definition));
  try {
    converger.inspect(session);
    converger.prepare(session);
  } catch (const Error& error) {
    throw error.within("the draft does not pass the check");
  }
}

void write(const Files& files, const convergers::Draft& draft) {
  write_new_file(files.test, draft.test);
  try {
    write_new_file(files.definition, draft.definition);
  } catch (const Error&) {
    std::error_code ignored;
    std::filesystem::remove(files.test, ignored);
    throw;
  }
}

std::string json_line(const NewRequest& request, const Files& files,
                      const convergers::Draft& draft) {
  std::string warnings;
  for (const std::string& warning : draft.warnings) {
    warnings += (warnings.empty() ? "" : ",") + json_string(warning);
  }
  JsonObject line;
  line.add("converger", request.name);
  if (request.to_stdout) {
    line.add("definition", draft.definition).add("test", draft.test);
  } else {
    line.add("definition_file", files.definition.native()).add("test_file", files.test.native());
  }
  return line.add_raw("warnings", "[" + warnings + "]").line();
}

std::string next_steps(const NewRequest& request, const Files& files) {
  return fmt::format(
      "{0}\n{1}\n\nRead them and change what is not meant; then\n"
      "  converge check {2}\n  converge test {2}\n  converge plan {2}\n",
      files.definition.native(), files.test.native(), request.name);
}

int make_new(const NewRequest& request, const Common& common) {
  require_name(request.name);
  const auto flag = convergers::parse_column_name(request.flag);
  const config::Config config = config::load(common.flags);
  const Files files{.definition = config.convergers / (request.name + ".sql"),
                    .test = config.convergers / (request.name + ".test.sql")};
  if (!request.to_stdout) require_free(files);
  postgres::Session session({.url = config.database_url,
                             .environment_first = config.url_from_file,
                             .connect_timeout = config.connect_timeout,
                             .lock_timeout = config.lock_timeout});
  const auto keys = convergers::read_foreign_keys(session, flag);
  const auto draft = convergers::draft(keys, flag.column, request.name, session);
  check(files, draft, session);
  if (!request.to_stdout) write(files, draft);
  for (const std::string& warning : draft.warnings) {
    if (!common.json()) print_notice("warning: " + warning);
  }
  if (common.json()) {
    print(json_line(request, files, draft));
  } else if (request.to_stdout) {
    print(fmt::format("{}\n-- {}\n\n{}", draft.definition, files.test.filename().native(),
                      draft.test));
  } else if (!common.quiet) {
    print(next_steps(request, files));
  }
  return kDone;
}

}  // namespace

std::function<int()> define_new(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<NewRequest>();
  app.add_option("NAME", request->name, "of the converger: lower-case letters, digits, _")
      ->required();
  app.add_option("--flag", request->flag, "the column that an operator sets, and where")
      ->type_name("[SCHEMA.]TABLE.COLUMN")
      ->required();
  app.add_flag("--stdout", request->to_stdout, "print the draft and write no file");
  return [request, &common] { return make_new(*request, common); };
}

}  // namespace converge::cli
