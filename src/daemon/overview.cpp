#include "src/daemon/overview.h"

#include "src/base/clock.h"
#include "src/base/json_object.h"
#include "src/base/text.h"
#include "src/base/version.h"
#include "src/engine/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace converge::daemon {
namespace {

void add_time(JsonObject& object, std::string_view name, std::optional<std::int64_t> time_us) {
  if (time_us) object.add(name, format_utc(*time_us));
}

std::string json_of(const ConvergerOverview& one) {
  JsonObject object;
  object.add("name", one.name)
      .add("state", one.state)
      .add("why", one.why)
      .add("resolve", one.resolve)
      .add("file_error", one.file_error)
      .add("needs_person", one.needs_person())
      .add("schedule", one.schedule)
      .add("owned", one.owned)
      .add("running", one.running)
      .add("quarantined", one.quarantined);
  engine::add_members(object, one.owing);
  add_time(object, "last_pass", one.last_pass_us);
  object.add("last_outcome", one.last_outcome);
  add_time(object, "last_correction", one.last_correction_us);
  add_time(object, "next", one.next_us);
  object.add("version", one.version).add("description", one.description);
  if (!one.hold_digest.empty()) {
    object.add("digest", one.hold_digest)
        .add("inconsistencies", one.hold_inconsistencies)
        .add("allowed", one.hold_allowed);
  }
  return object.text();
}

}  // namespace

bool ConvergerOverview::needs_person() const {
  return !file_error.empty() || engine::needs_person(state, quarantined) || owing.needs_person;
}

std::vector<std::string> Overview::obstacles() const {
  std::vector<std::string> lines;
  if (!connected) {
    lines.push_back(server.empty() ? "not connected"
                                   : printable(fmt::format("not connected to {}", server)));
  }
  if (!trouble.empty()) lines.push_back(printable(trouble));
  for (const auto& one : convergers) {
    if (one.state != "silent") continue;
    lines.push_back(printable(fmt::format("{}: {}", one.name, one.why)));
  }
  return lines;
}

Headline headline_of(const Overview& overview) {
  const auto& all = overview.convergers;
  const auto needing =
      std::count_if(all.begin(), all.end(), [](const auto& one) { return one.needs_person(); });
  const auto paused =
      std::count_if(all.begin(), all.end(), [](const auto& one) { return one.state == "paused"; });
  if (!overview.connected || !overview.trouble.empty()) return {"trouble", "Nothing converges now"};
  if (needing == 1) return {"attention", "1 converger needs you"};
  if (needing > 1) return {"attention", fmt::format("{} convergers need you", needing)};
  if (all.empty()) return {"attention", "There are no convergers"};
  if (paused > 0)
    return {"paused", fmt::format("{} of {} convergers {} paused", paused, all.size(),
                                  paused == 1 ? "is" : "are")};
  if (all.size() == 1) return {"well", "The converger is well"};
  return {"well", fmt::format("All {} convergers are well", all.size())};
}

std::string to_json(const Overview& overview) {
  std::string convergers;
  for (const auto& one : overview.convergers) {
    convergers += (convergers.empty() ? "" : ",") + json_of(one);
  }
  JsonObject journal;
  journal.add("file", overview.journal.string())
      .add("bytes", overview.journal_bytes)
      .add("entries", overview.journal_entries);
  const auto headline = headline_of(overview);
  JsonObject object;
  object.add("level", headline.level)
      .add("headline", headline.text)
      .add("connected", overview.connected)
      .add("server", overview.server)
      .add("trouble", overview.trouble)
      .add("trial", overview.trial)
      .add("ready", overview.ready())
      .add("host", overview.host)
      .add("actor", overview.actor)
      .add("build", build_number())
      .add("commit", build_commit());
  add_time(object, "since", overview.since_us);
  add_time(object, "now", overview.now_us);
  object.add("workers", overview.workers)
      .add("busy", overview.busy)
      .add("connections", overview.connections)
      .add("connections_in_use", overview.connections_in_use)
      .add_raw("journal", journal.text())
      .add_raw("convergers", "[" + convergers + "]");
  return object.line();
}

}  // namespace converge::daemon
