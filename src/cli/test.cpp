#include "convergers/registry.h"
#include "convergers/test_run.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/interrupt.h"
#include "src/cli/output.h"
#include "src/cli/test_printer.h"
#include "src/postgres/scratch_database.h"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <system_error>

namespace converge::cli {

namespace {

namespace fs = std::filesystem;

struct TestRequest {
  std::vector<std::string> files;
  bool scratch = false;
  std::string schema;
  std::string output;
};

/// The tests of a directory, in the order of the names.
std::vector<fs::path> tests_in(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".test.sql") && !name.starts_with('.')) paths.push_back(entry->path());
  }
  if (paths.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("there is no NAME.test.sql in {}{}", directory.string(),
                            error ? ": " + error.message() : std::string()),
                "Write one, or name the files to run.");
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// A converger's name means its test in the directory of convergers.
fs::path path_of(const std::string& argument, const config::Config& config) {
  const bool is_name =
      argument.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  return is_name ? config.convergers / (argument + ".test.sql") : fs::path(argument);
}

/// Test files, and the convergers that they are for.
class Suite {
 public:
  struct Tested {
    convergers::TestFile file;
    engine::Converger* converger;
  };

  explicit Suite(config::Config config) : config_(std::move(config)) {}

  void add(const fs::path& path) {
    convergers::TestFile file = convergers::load_test_file(path);
    engine::Converger& converger = converger_for(file);
    convergers::require_steps(file, converger);
    tested_.push_back({std::move(file), &converger});
  }

  const std::vector<Tested>& tested() const { return tested_; }
  std::size_t cases() const {
    std::size_t sum = 0;
    for (const Tested& one : tested_) sum += one.file.cases.size();
    return sum;
  }

 private:
  /// That of the test's own directory.
  engine::Converger& converger_for(const convergers::TestFile& file) {
    const fs::path directory = file.path.has_parent_path() ? file.path.parent_path() : ".";
    const auto known = registries_.try_emplace(directory);
    convergers::Registry& registry = known.first->second;
    config_.convergers = directory;
    // Nothing is sent, so that what is secret need not be known where tests run.
    if (known.second) registry = convergers::load_registry(config_, convergers::StandIns::yes);
    if (engine::Converger* converger = registry.find(file.converger)) return *converger;
    if (const auto* broken = registry.find_broken(file.converger)) throw broken->error;
    throw Error(
        ErrorKind::usage,
        fmt::format("{}: there is no converger {}", file.path.string(), printable(file.converger)),
        fmt::format("A test is for the definition of its name, {}.",
                    (directory / (file.converger + ".sql")).string()));
  }

  config::Config config_;
  std::map<fs::path, convergers::Registry> registries_;
  std::vector<Tested> tested_;
};

/// What `pg_dump` writes, without the two commands for psql that are around it since 2025; a line
/// is left empty, so that the others keep their numbers.
std::string without_restrictions(std::string_view text) {
  std::string sql;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size() - 1) + 1;
    const auto line = text.substr(start, end - start);
    const bool dropped = line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    sql += dropped ? std::string_view("\n") : line;
    start = end;
  }
  return sql;
}

/// Where the cases of a file run.
class Place {
 public:
  Place(const TestRequest& request, const config::Config& config)
      : request_(request),
        server_({.url = config.database_url,
                 .environment_first = config.url_from_file,
                 .connect_timeout = config.connect_timeout,
                 .lock_timeout = config.lock_timeout}) {}

  /// A scratch database serves the files that have its schema.
  const postgres::ConnectOptions& for_file(const fs::path& path) {
    if (!request_.scratch) return server_;
    const fs::path schema = schema_for(path);
    if (!scratch_ || schema != schema_) {
      scratch_.reset();
      scratch_ = std::make_unique<postgres::ScratchDatabase>(server_);
      schema_ = schema;
      if (!schema.empty()) load(schema);
    }
    return scratch_->options();
  }

 private:
  fs::path schema_for(const fs::path& path) const {
    if (!request_.schema.empty()) return request_.schema;
    const fs::path beside = path.parent_path() / "schema.sql";
    std::error_code error;
    return fs::exists(beside, error) ? beside : fs::path();
  }

  void load(const fs::path& schema) const {
    require_trusted(schema);
    postgres::Session session(scratch_->options());
    session.execute("set statement_timeout = '5min'");
    try {
      session.execute(without_restrictions(read_file(schema)));
    } catch (const Error& error) {
      throw error.within(schema.string());
    }
  }

  const TestRequest& request_;
  postgres::ConnectOptions server_;
  std::unique_ptr<postgres::ScratchDatabase> scratch_;
  fs::path schema_;
};

/// Prints what is wrong with the files; nothing runs unless all are right.
bool load(Suite& suite, const TestRequest& request, const config::Config& config) {
  std::vector<fs::path> paths;
  for (const std::string& argument : request.files) paths.push_back(path_of(argument, config));
  if (paths.empty()) paths = tests_in(config.convergers);
  bool good = true;
  for (const fs::path& path : paths) {
    try {
      suite.add(path);
    } catch (const Error& error) {
      print_error(error);
      good = false;
    }
  }
  return good;
}

void run_cases(const Suite& suite, Place& place, TestPrinter& printer) {
  for (const auto& [file, converger] : suite.tested()) {
    for (const convergers::TestCase& test : file.cases) {
      const postgres::ConnectOptions& server = place.for_file(file.path);
      if (interrupted()) throw Error(ErrorKind::failure, "interrupted");
      printer.result(file, test, convergers::run_case(*converger, test, server));
    }
  }
}

int test(const TestRequest& request, const Common& common) {
  const config::Config config = config::load(common.flags);
  const std::string& output = request.output.empty() ? common.output : request.output;
  Suite suite(config);
  if (!load(suite, request, config)) return kUsage;
  // The scratch database is to be dropped first. What is rolled back needs nobody.
  if (request.scratch) end_at({SIGINT, SIGTERM, SIGHUP});
  TestPrinter printer(output == "tap"    ? TestPrinter::Format::tap
                      : output == "json" ? TestPrinter::Format::json
                                         : TestPrinter::Format::text,
                      common.quiet);
  const auto start = Clock::now();
  printer.begin(suite.cases());
  try {
    Place place(request, config);
    run_cases(suite, place, printer);
  } catch (const Error& error) {
    const Error told = interrupted() ? Error(ErrorKind::failure, "interrupted") : error;
    printer.bail_out(told);
    throw told;
  }
  printer.end(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start));
  return printer.any_failed() ? kFailed : kDone;
}

}  // namespace

std::function<int()> define_test(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<TestRequest>();
  app.add_option("FILE", request->files,
                 "NAME.test.sql, or NAME (default: all tests of the convergers directory)");
  auto* scratch = app.add_flag("--scratch", request->scratch,
                               "run in a database of its own, made for it and dropped after it");
  app.add_option("--schema", request->schema,
                 "SQL for the scratch database (default: schema.sql beside the test)")
      ->type_name("FILE")
      ->needs(scratch);
  app.add_option("-o,--output", request->output, "short (for people), tap or json")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"short", "full", "tap", "json"}));
  return [request, &common] { return test(*request, common); };
}

}  // namespace converge::cli
