#include "convergers/registry.h"

#include "convergers/builtin.h"
#include "convergers/code_converger.h"
#include "convergers/outside_steps.h"
#include "convergers/sql_converger.h"
#include "src/base/text.h"
#include "src/http/client.h"
#include "src/http/proxy.h"
#include "src/http/tls.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace converge::convergers {

namespace {

/// What can stand anywhere in a request.
constexpr const char* kStandIn = "http://stand-in.invalid";

bool is_definition(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".sql") && !name.ends_with(".test.sql") && name != "schema.sql" &&
         !name.starts_with('.');
}

/// What makes it, by whoever may.
std::string making(const std::filesystem::path& directory) {
  std::error_code error;
  auto above = std::filesystem::absolute(directory, error).parent_path();
  while (above.has_relative_path() && !std::filesystem::exists(above, error)) {
    above = above.parent_path();
  }
  const bool may = faccessat(AT_FDCWD, above.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  return fmt::format("Run: {}mkdir -p -m 755 {}. Or name", may ? "" : "sudo ", directory.native());
}

std::vector<std::filesystem::path> definition_files(const std::filesystem::path& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_definition(entry->path())) paths.push_back(entry->path());
  }
  if (error) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot read the directory of convergers {}: {}", directory.string(),
                            system_reason(error.value())),
                fmt::format("{} another with --convergers DIR, CONVERGE_CONVERGERS, or `directory` "
                            "under [convergers] in the configuration.",
                            error.value() == ENOENT ? making(directory) : "Name"));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// What is wrong with the settings is wrong for every request: a mistake of the configuration.
void require_usable(const config::Http& http) {
  const auto require = [](const std::string& what, const auto& attempt) {
    try {
      attempt();
    } catch (const Error& error) {
      throw Error(ErrorKind::usage, what + ": " + error.what(), error.hint());
    }
  };
  if (!http.ca_file.empty()) {
    require(http.ca_file_place + ": ca_file under [http]",
            [&] { http::make_tls_context(http.ca_file); });
  }
  if (http.proxy && !http.proxy->empty()) {
    require(http.proxy_place + ": proxy under [http]",
            [&] { http::parse_http_proxy(*http.proxy); });
  }
}

std::shared_ptr<const http::HttpClient> make_client(const config::Http& http) {
  require_usable(http);
  http::HttpOptions options{.proxy = http.proxy,
                            .connect_timeout = http.connect_timeout,
                            .idle_timeout = http.idle_timeout};
  if (!http.ca_file.empty()) options.ca_file = http.ca_file;
  return std::make_shared<const http::HttpClient>(options);
}

bool calls_services(const Definition& definition) {
  return std::any_of(definition.outside.begin(), definition.outside.end(),
                     [](const OutsideSection& step) { return step.kind == "http"; });
}

}  // namespace

Defined* Registry::find(const std::string& name) const {
  for (const auto& converger : convergers) {
    if (converger->profile().name == name) return converger.get();
  }
  return nullptr;
}

const Broken* Registry::find_broken(const std::string& name) const {
  const auto found = std::find_if(broken.begin(), broken.end(),
                                  [&](const Broken& file) { return file.name == name; });
  return found == broken.end() ? nullptr : &*found;
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> names;
  for (const auto& converger : convergers) names.push_back(converger->profile().name);
  for (const Broken& file : broken) names.push_back(file.name);
  std::sort(names.begin(), names.end());
  return names;
}

namespace {

const config::ConvergerTable* table_of(const config::Config& config, const std::string& name) {
  const auto found =
      std::find_if(config.converger_tables.begin(), config.converger_tables.end(),
                   [&](const config::ConvergerTable& table) { return table.name.text == name; });
  return found == config.converger_tables.end() ? nullptr : &*found;
}

/// Those that are not enabled too, so that a mistake about one does not wait for that.
std::vector<std::unique_ptr<CodeConverger>> read_builtins(const config::Config& config) {
  std::vector<std::unique_ptr<CodeConverger>> all;
  std::vector<std::string> names;
  for (const Builtin builtin : builtins()) {
    Code code = builtin();
    names.push_back(code.name);
    const auto* table = table_of(config, code.name);
    all.push_back(std::make_unique<CodeConverger>(std::move(code), table));
  }
  const auto require = [&](const config::Placed& name, const std::string& what) {
    if (std::find(names.begin(), names.end(), name.text) != names.end()) return;
    const auto near = nearest(name.text, names);
    throw Error(ErrorKind::usage, fmt::format("{}: {} {}", name.place, what, printable(name.text)),
                near ? fmt::format("Did you mean {}?", *near)
                     : fmt::format("Known are: {}.", fmt::join(names, ", ")));
  };
  for (const auto& name : config.builtin) require(name, "there is no built-in converger");
  for (const auto& table : config.converger_tables) {
    require(table.name, "settings for what is no built-in converger:");
  }
  return all;
}

/// Each enabled one; where a file has the same name, neither runs.
void add_builtins(Registry& registry, const config::Config& config) {
  for (auto& builtin : read_builtins(config)) {
    const std::string name = builtin->profile().name;
    const auto enabled = std::find_if(config.builtin.begin(), config.builtin.end(),
                                      [&](const auto& one) { return one.text == name; });
    if (enabled == config.builtin.end()) continue;
    const auto path = config.convergers / (name + ".sql");
    const auto of_file = std::find_if(registry.convergers.begin(), registry.convergers.end(),
                                      [&](const auto& one) { return one->profile().name == name; });
    if (of_file == registry.convergers.end() && registry.find_broken(name) == nullptr) {
      registry.convergers.push_back(std::move(builtin));
      continue;
    }
    if (of_file != registry.convergers.end()) registry.convergers.erase(of_file);
    std::erase_if(registry.broken, [&](const Broken& file) { return file.name == name; });
    registry.broken.push_back(
        {name, path,
         Error(ErrorKind::usage,
               fmt::format("{}: {} is built in, too, and enabled in {}", path.string(), name,
                           enabled->place),
               "Rename the file, or take the name out of `builtin` under [convergers].")});
  }
  const auto by_name = [](const auto& a, const auto& b) {
    return a->profile().name < b->profile().name;
  };
  std::sort(registry.convergers.begin(), registry.convergers.end(), by_name);
}

}  // namespace

Registry load_registry(const config::Config& config, StandIns stand_ins) {
  Registry registry;
  OutsideEnvironment environment{.variables = Variables(config.variables), .http = nullptr};
  if (stand_ins == StandIns::yes) environment.variables.stand_in(kStandIn);
  std::vector<Definition> definitions;
  const auto attempt = [&](const std::filesystem::path& path, const auto& load) {
    try {
      load();
    } catch (const Error& error) {
      registry.broken.push_back({path.stem().string(), path, error});
    }
  };
  for (const std::filesystem::path& path : definition_files(config.convergers)) {
    attempt(path, [&] { definitions.push_back(load_definition(path)); });
  }
  // One client for all who need it: its connections are kept for all.
  if (std::any_of(definitions.begin(), definitions.end(), calls_services)) {
    environment.http = make_client(config.http);
  }
  for (Definition& definition : definitions) {
    const auto path = definition.path;
    attempt(path, [&] {
      auto outside = make_outside_steps(definition, environment);
      registry.convergers.push_back(
          std::make_unique<SqlConverger>(std::move(definition), std::move(outside)));
    });
  }
  std::sort(registry.broken.begin(), registry.broken.end(),
            [](const Broken& a, const Broken& b) { return a.path < b.path; });
  add_builtins(registry, config);
  return registry;
}

std::vector<std::string> broken_names(const config::Config& config) {
  std::vector<std::string> names;
  try {
    for (const Broken& broken : load_registry(config).broken) names.push_back(broken.name);
  } catch (const Error&) {
    names = {"*"};
  }
  std::sort(names.begin(), names.end());
  return names;
}

void require_known(const Registry& registry, std::span<const std::string> names) {
  const std::vector<std::string> known = registry.names();
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto near = nearest(name, known);
    throw Error(ErrorKind::usage, fmt::format("there is no converger {}", printable(name)),
                near ? fmt::format("Did you mean {}?", *near)
                     : std::string("`converge list` shows them all."));
  }
}

}  // namespace converge::convergers
