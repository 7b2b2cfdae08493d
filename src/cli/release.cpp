#include "journal/journal.h"
#include "src/base/process.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/confirm.h"
#include "src/cli/history.h"
#include "src/cli/output.h"
#include "src/cli/situation.h"

#include <fmt/core.h>

#include <memory>
#include <optional>

namespace converge::cli {

namespace {

struct ReleaseRequest {
  std::string name;
  std::optional<std::string> digest;
  bool yes = false;
};

/// What the next pass may then do, for the person who is asked.
std::string described(const ReleaseRequest& request, const config::Config& config) {
  const auto holds = remember(config.journal).holds;
  const auto hold = holds.find(request.name);
  const std::string held =
      hold == holds.end()
          ? std::string()
          : fmt::format(" ({}, limit {})",
                        counted(hold->second.inconsistencies, "inconsistency", "inconsistencies"),
                        hold->second.allowed);
  if (request.digest) {
    return fmt::format("let the next pass of {} correct exactly the set {}{}", request.name,
                       printable(*request.digest), held);
  }
  return fmt::format("let the next pass of {} be judged by its limit again{}", request.name, held);
}

int release(const ReleaseRequest& request, const Common& common) {
  const config::Config config = config::load(common.flags);
  require_known(config, request.name);
  const bool is_held = remember(config.journal).holds.contains(request.name);
  if (is_held && !request.yes && is_interactive()) ask_before(described(request, config), config);
  journal::Journal journal(config.journal, current_actor(),
                           [](const auto& text) { print_notice(text); });
  journal.release(request.name, request.digest);
  if (common.json()) {
    print(JsonObject().add("converger", request.name).add("digest", request.digest).line());
  } else if (request.digest) {
    print(fmt::format("{}  released: the next pass lets exactly the set {} through, once\n",
                      styled(Style::strong, request.name), *request.digest));
  } else {
    print(fmt::format("{}  released: the next pass is judged by the limit again\n",
                      styled(Style::strong, request.name)));
  }
  return kDone;
}

}  // namespace

std::function<int()> define_release(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<ReleaseRequest>();
  app.add_option("NAME", request->name, "a converger that a limit holds")->required();
  app.add_option("DIGEST", request->digest,
                 "of the set to let through, as `run` and `list` print it; without it, the next "
                 "pass is judged by the limit again");
  app.add_flag("--yes", request->yes, "do not ask on a terminal");
  return [request, &common] { return release(*request, common); };
}

}  // namespace converge::cli
