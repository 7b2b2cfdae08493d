#include "convergers/registry.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/output.h"
#include "src/postgres/pool.h"

#include <fmt/core.h>

#include <memory>

namespace converge::cli {

namespace {

struct CheckRequest {
  std::vector<std::string> names;

  bool wants(const std::string& name) const {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  }
};

void print_verdict(const Common& common, const std::string& name, const Error* error,
                   const std::vector<std::string>& warnings) {
  if (common.json()) {
    JsonObject line;
    line.add("converger", name).add("verdict", error != nullptr ? "bad" : "good");
    if (error != nullptr) {
      line.add("message", error->what()).add("hint", error->hint());
      if (!error->sqlstate().empty()) line.add("sqlstate", error->sqlstate());
    }
    std::string list;
    for (const std::string& warning : warnings) {
      list += (list.empty() ? "" : ",") + json_string(warning);
    }
    print(line.add_raw("warnings", "[" + list + "]").line());
    return;
  }
  if (error != nullptr) {
    print_error(*error);
    return;
  }
  for (const std::string& warning : warnings) {
    print_notice("warning: " + warning);
  }
  if (!common.quiet) {
    print(fmt::format("{}  {}\n", styled(Style::strong, name), styled(Style::good, "good")));
  }
}

/// Whether the server accepts it.
bool check_one(const Common& common, convergers::Defined& converger, postgres::Session& session) {
  try {
    converger.inspect(session);
    converger.prepare(session);
    auto warnings = converger.plan_warnings(session);
    for (const auto& step : converger.outside()) {
      const auto more = step->warnings();
      warnings.insert(warnings.end(), more.begin(), more.end());
    }
    print_verdict(common, converger.profile().name, nullptr, warnings);
    return true;
  } catch (const Error& error) {
    print_verdict(common, converger.profile().name, &error, {});
    if (!session.is_open()) throw;
    return false;
  }
}

int check(const CheckRequest& request, const Common& common) {
  const config::Config config = config::load(common.flags);
  const convergers::Registry registry = convergers::load_registry(config);
  convergers::require_known(registry, request.names);
  bool good = true;
  for (const convergers::Broken& broken : registry.broken) {
    if (!request.wants(broken.name)) continue;
    print_verdict(common, broken.name, &broken.error, {});
    good = false;
  }
  postgres::Session session({.url = config.database_url,
                             .environment_first = config.url_from_file,
                             .connect_timeout = config.connect_timeout,
                             .lock_timeout = config.lock_timeout});
  for (const auto& converger : registry.convergers) {
    if (!request.wants(converger->profile().name)) continue;
    good = check_one(common, *converger, session) && good;
  }
  return good ? kDone : kFailed;
}

}  // namespace

std::function<int()> define_check(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<CheckRequest>();
  app.add_option("NAME", request->names, "convergers (default: all)");
  return [request, &common] { return check(*request, common); };
}

}  // namespace converge::cli
