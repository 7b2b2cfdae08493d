#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/condition_text.h"
#include "src/cli/detail_text.h"
#include "src/cli/narrow_table.h"
#include "src/cli/output.h"
#include "src/cli/situation.h"
#include "src/cli/wrapped.h"
#include "updater/installation.h"
#include "updater/update_state.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace converge::cli {

namespace {

std::string daemon_text(const Daemon& daemon) {
  if (!daemon.service) return "the daemon does not run here\n";
  const auto who = fmt::format("process {} since {}", daemon.service->process.pid,
                               format_local(daemon.service->since_us));
  if (!daemon.alive) {
    return styled(Style::bad,
                  fmt::format("the daemon does not run here: {} ended without a word", who)) +
           ". Start it again: `systemctl start converged`.\n";
  }
  if (!daemon.silence.empty()) {
    return styled(Style::bad, fmt::format("daemon: {}, {}", who, printable(daemon.silence))) + "\n";
  }
  if (!daemon.status) return fmt::format("daemon: {}, without a status server\n", who);
  const LiveStatus& live = *daemon.status;
  std::string text = fmt::format("daemon: {}, at {}; {} {}; {} of {} workers busy\n", who,
                                 printable(daemon.service->address),
                                 live.connected ? "connected to" : "not connected to",
                                 printable(live.server), live.busy, live.workers);
  if (!live.trouble.empty()) text += styled(Style::bad, printable(live.trouble)) + "\n";
  return text;
}

/// Beside this binary, which is the daemon's unless that was started from somewhere else.
std::optional<updater::Trial> open_trial() {
  try {
    const auto installation = updater::Installation::of_this_process();
    return updater::read_update_state(installation.state_file()).trial;
  } catch (const Error&) {
    return std::nullopt;  // It was replaced a moment ago.
  }
}

std::string trial_text() {
  const auto trial = open_trial();
  if (!trial) return "";
  return fmt::format("build {} is on trial since {}, in the place of build {}\n", trial->build,
                     format_local(trial->since_us), trial->previous);
}

std::size_t count_needing(const Situation& now) {
  return now.unusable.size() + static_cast<std::size_t>(std::count_if(
                                   now.convergers.begin(), now.convergers.end(),
                                   [](const auto& one) { return one.needs_person(); }));
}

std::string headline(const Situation& now) {
  const auto needing = count_needing(now);
  const auto all = now.convergers.size() + now.unusable.size();
  if (needing == 0 && now.daemon.needs_person()) {
    return styled(Style::bad, "the daemon needs a person") + "\n";
  }
  if (all == 0) return "there are no convergers\n";
  const auto text =
      needing == 0
          ? fmt::format("all is well with {} {}", all, all == 1 ? "converger" : "convergers")
          : fmt::format("{} of {} {} {} a person", needing, all,
                        all == 1 ? "converger" : "convergers", needing == 1 ? "needs" : "need");
  return styled(needing == 0 ? Style::good : Style::bad, text) + "\n";
}

/// Those that need a person first.
std::string notices(const Situation& now) {
  std::string urgent;
  std::string other;
  for (const Unusable& one : now.unusable) {
    const std::string name = printable(one.name);
    if (one.broken != nullptr) {
      const std::string message = one.broken->error.what();
      urgent +=
          fmt::format("{} is broken: {}\n", name, printable(message.substr(0, message.find('\n'))));
    }
    for (const auto& notice : notices_of(name, one.owing)) urgent += notice + "\n";
  }
  for (const Converger& one : now.convergers) {
    for (const auto& notice : notices_of(one)) {
      (one.needs_person() ? urgent : other) += notice + "\n";
    }
  }
  return urgent + other;
}

std::string due_text(const Converger& one, const Daemon& daemon, std::int64_t now_us) {
  if (one.running) return "running";
  const auto& state = one.condition.state;
  if (!one.owned) return daemon.needs_person() ? "-" : "on another host";
  if (state == "paused" || state == "held" || one.next_us == 0) return "-";
  return one.next_us <= now_us ? "now" : format_local(one.next_us);
}

std::string table_of(const Situation& now, std::int64_t now_us) {
  Rows table;
  table.push_back({{"NAME", Style::faint},
                   {"STATE", Style::faint},
                   {"LAST PASS", Style::faint},
                   {"OUTCOME", Style::faint},
                   {"DUE", Style::faint}});
  for (const Unusable& one : now.unusable) {
    table.push_back({{printable(one.name), Style::strong},
                     {std::string(one.state()), style_of_state(one.state())},
                     {"-"},
                     {"-"},
                     {"-"}});
  }
  for (const Converger& one : now.convergers) {
    table.push_back(
        {{printable(one.name), Style::strong},
         {one.condition.state, style_of_state(one.condition.state)},
         {time_or_dash(one.last_pass_us)},
         {printable(one.last_outcome), one.last_outcome == "failed" ? Style::bad : Style::plain},
         {due_text(one, now.daemon, now_us)}});
  }
  return fitted_table(std::move(table), terminal_columns());
}

std::string daemon_json(const Daemon& daemon) {
  JsonObject line;
  line.add("kind", "daemon").add("running", daemon.alive);
  if (daemon.alive) {
    line.add("pid", daemon.service->process.pid)
        .add("since", format_utc(daemon.service->since_us))
        .add("address", daemon.service->address)
        .add("answers", daemon.status.has_value());
  }
  line.add("needs_person", daemon.needs_person());
  if (const auto trial = open_trial()) line.add("trial", trial->build);
  if (daemon.is_dead()) line.add("message", "it ended without a word");
  if (!daemon.silence.empty()) line.add("message", daemon.silence);
  if (daemon.status) {
    line.add("connected", daemon.status->connected)
        .add("server", daemon.status->server)
        .add("trouble", daemon.status->trouble)
        .add("workers", daemon.status->workers)
        .add("busy", daemon.status->busy);
  }
  return line.line();
}

void print_json(const Situation& now) {
  print(daemon_json(now.daemon));
  for (const Converger& one : now.convergers) {
    auto line = converger_json(one, now.state);
    line.add("kind", "converger")
        .add("running", one.running)
        .add("owned", one.owned)
        .add("needs_person", one.needs_person());
    if (one.next_us != 0) line.add("next", format_utc(one.next_us));
    print(line.line());
  }
  for (const Unusable& one : now.unusable) {
    print(unusable_json(one).add("kind", "converger").add("needs_person", true).line());
  }
}

int status(const Common& common) {
  const Situation now = look_around(config::load(common.flags));
  if (common.json()) {
    print_json(now);
  } else {
    const std::string problems = notices(now);
    const std::string told = headline(now) + daemon_text(now.daemon) + trial_text() +
                             (problems.empty() ? "" : "\n" + problems);
    print(wrapped(told, terminal_columns(), 2) + "\n" + table_of(now, wall_time_us()));
  }
  return count_needing(now) == 0 && !now.daemon.needs_person() ? kDone : kFailed;
}

}  // namespace

std::function<int()> define_status(CLI::App& /*app*/, const Common& common) {
  return [&common] { return status(common); };
}

}  // namespace converge::cli
