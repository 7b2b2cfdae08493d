#include "convergers/registry.h"
#include "src/base/clock.h"
#include "src/base/process.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/condition_text.h"
#include "src/cli/daemon_client.h"
#include "src/cli/history.h"
#include "src/cli/output.h"

#include <fmt/core.h>

#include <algorithm>

namespace converge::cli {

namespace {

/// The daemon of this journal, as far as it can be asked.
struct Daemon {
  std::optional<journal::Service> service;  ///< That the journal names.
  bool alive = false;
  std::optional<LiveStatus> status;
  std::string silence;  ///< Why it did not answer.

  /// It ended without taking itself out of the journal: killed, or with its machine.
  bool is_dead() const { return service && !alive; }
  /// Something about itself that a person has to see to.
  bool needs_person() const {
    return is_dead() || !silence.empty() ||
           (status && (!status->connected || !status->trouble.empty()));
  }
  const LiveConverger* converger(const std::string& name) const {
    if (!status) return nullptr;
    const auto found = status->convergers.find(name);
    return found == status->convergers.end() ? nullptr : &found->second;
  }
};

Daemon look_for_daemon(const journal::State& state) {
  Daemon daemon;
  daemon.service = state.service;
  daemon.alive = state.service && is_alive(state.service->process);
  if (!daemon.alive || state.service->address.empty()) return daemon;
  try {
    daemon.status = ask_daemon(state.service->address);
  } catch (const Error& error) {
    daemon.silence = error.what();
  }
  return daemon;
}

/// A converger as the daemon sees it, which knows more than the journal, or else as that does.
struct Converger {
  const engine::Profile* profile;
  engine::Condition condition;
  std::int64_t last_pass_us = 0;
  std::string last_outcome = "-";
  std::int64_t next_us = 0;
  bool running = false;
  bool owned = true;
};

Converger look_at(const engine::Profile& profile, const journal::State& state, const Daemon& daemon,
                  std::int64_t now_us) {
  Converger one{.profile = &profile,
                .condition = engine::condition_of(profile.settings, profile.name, state, now_us)};
  if (const auto last = state.last_passes.find(profile.name); last != state.last_passes.end()) {
    one.last_pass_us = last->second.time_us;
    one.last_outcome = last->second.outcome;
    if (profile.settings.every) {
      one.next_us = one.last_pass_us + std::chrono::microseconds(*profile.settings.every).count();
    }
  }
  const LiveConverger* live = daemon.converger(profile.name);
  if (live == nullptr) return one;
  one.condition.state = live->state;
  one.condition.why = live->why;
  one.condition.resolve = live->resolve;
  one.condition.quarantined = live->quarantined;
  one.condition.needs_person = engine::needs_person(live->state, live->quarantined);
  one.running = live->running;
  one.owned = live->owned;
  one.next_us = live->next_us.value_or(0);
  one.last_pass_us = live->last_pass_us.value_or(one.last_pass_us);
  if (!live->last_outcome.empty()) one.last_outcome = live->last_outcome;
  return one;
}

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

std::string headline(const std::vector<Converger>& convergers, const convergers::Registry& registry,
                     const Daemon& daemon) {
  const auto needing = registry.broken.size() +
                       static_cast<std::size_t>(std::count_if(
                           convergers.begin(), convergers.end(),
                           [](const Converger& one) { return one.condition.needs_person; }));
  const auto all = convergers.size() + registry.broken.size();
  if (all == 0) return "there are no convergers\n";
  const auto text =
      needing == 0
          ? fmt::format("all is well with {} {}", all, all == 1 ? "converger" : "convergers")
          : fmt::format("{} of {} {} a person", needing, all,
                        needing == 1 ? "converger needs" : "convergers need");
  if (needing == 0 && daemon.needs_person())
    return styled(Style::bad, "the daemon needs a person") + "\n";
  return styled(needing == 0 ? Style::good : Style::bad, text) + "\n";
}

/// Those that need a person first.
std::string notices(const std::vector<Converger>& convergers,
                    const convergers::Registry& registry) {
  std::string urgent;
  std::string other;
  for (const auto& broken : registry.broken) {
    const std::string message = broken.error.what();
    urgent += fmt::format("{} is broken: {}\n", printable(broken.name),
                          printable(message.substr(0, message.find('\n'))));
  }
  for (const Converger& one : convergers) {
    const auto notice = notice_of(one.profile->name, one.condition);
    if (!notice.empty()) (one.condition.needs_person ? urgent : other) += notice + "\n";
  }
  return urgent + other;
}

std::string due_text(const Converger& one, std::int64_t now_us) {
  if (one.running) return "running";
  if (!one.owned) return "on another host";
  const auto& state = one.condition.state;
  if (state == "paused" || state == "held" || one.next_us == 0) return "-";
  return one.next_us <= now_us ? "now" : format_local(one.next_us);
}

std::string table_of(const std::vector<Converger>& convergers, const convergers::Registry& registry,
                     std::int64_t now_us) {
  Table table;
  table.add({{"NAME", Style::faint},
             {"STATE", Style::faint},
             {"LAST PASS", Style::faint},
             {"OUTCOME", Style::faint},
             {"DUE", Style::faint}});
  for (const auto& broken : registry.broken) {
    table.add({{printable(broken.name), Style::strong},
               {"broken", style_of_state("broken")},
               {"-"},
               {"-"},
               {"-"}});
  }
  for (const Converger& one : convergers) {
    table.add({{one.profile->name, Style::strong},
               {one.condition.state, style_of_state(one.condition.state)},
               {time_or_dash(one.last_pass_us)},
               {one.last_outcome, one.last_outcome == "failed" ? Style::bad : Style::plain},
               {due_text(one, now_us)}});
  }
  return table.take();
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

void print_json(const std::vector<Converger>& convergers, const convergers::Registry& registry,
                const journal::State& state, const Daemon& daemon) {
  print(daemon_json(daemon));
  for (const Converger& one : convergers) {
    auto line = converger_json(*one.profile, one.condition, state);
    line.add("kind", "converger")
        .add("running", one.running)
        .add("owned", one.owned)
        .add("needs_person", one.condition.needs_person);
    if (one.next_us != 0) line.add("next", format_utc(one.next_us));
    print(line.line());
  }
  for (const auto& broken : registry.broken) {
    print(broken_json(broken).add("kind", "converger").add("needs_person", true).line());
  }
}

int status(const Common& common) {
  const config::Config config = config::load(common.flags);
  const convergers::Registry registry = convergers::load_registry(config.convergers);
  const journal::State state = remember(config.journal);
  const Daemon daemon = look_for_daemon(state);
  const auto now_us = wall_time_us();
  std::vector<Converger> convergers;
  for (const auto& converger : registry.convergers) {
    convergers.push_back(look_at(converger->profile(), state, daemon, now_us));
  }
  if (common.json()) {
    print_json(convergers, registry, state, daemon);
  } else {
    const std::string problems = notices(convergers, registry);
    print(headline(convergers, registry, daemon) + daemon_text(daemon) +
          (problems.empty() ? "" : "\n" + problems) + "\n" +
          table_of(convergers, registry, now_us));
  }
  const bool well = registry.broken.empty() && !daemon.needs_person() &&
                    std::none_of(convergers.begin(), convergers.end(),
                                 [](const Converger& one) { return one.condition.needs_person; });
  return well ? kDone : kFailed;
}

}  // namespace

std::function<int()> define_status(CLI::App& /*app*/, const Common& common) {
  return [&common] { return status(common); };
}

}  // namespace converge::cli
