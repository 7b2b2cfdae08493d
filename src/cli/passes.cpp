#include "src/cli/passes.h"

#include "journal/journal.h"
#include "journal/reader.h"
#include "src/base/clock.h"
#include "src/base/process.h"
#include "src/base/text.h"
#include "src/cli/history.h"
#include "src/cli/output.h"
#include "src/cli/progress.h"
#include "src/cli/summary.h"
#include "src/engine/condition.h"
#include "src/engine/keep.h"
#include "src/engine/recovery.h"
#include "src/engine/witness.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <future>

namespace converge::cli {

namespace {

/// Subjects and failures that are printed one by one; more are counted.
constexpr std::int64_t kShown = 20;

/// Whether SIGINT or SIGTERM came. Handlers need something static.
std::atomic<bool>& interrupted() {
  static std::atomic<bool> value{false};
  return value;
}

void handle_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) {
    if (!interrupted().exchange(true)) return;
    std::signal(signal, SIG_DFL);  // The second one ends the process.
    std::raise(signal);
  };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A reader that went away must not stop a pass halfway.
  std::signal(SIGPIPE, SIG_IGN);
}

/// Prints one pass while it runs and when it is done.
class PassPrinter {
 public:
  PassPrinter(std::string name, const PassRequest& request, const Common& common)
      : name_(std::move(name)), request_(request), common_(common), progress_(name_) {}

  engine::PassObserver observer() {
    return {.progress = [this](auto done, auto total) { progress_.show(done, total); },
            .failed = [this](const auto& subject, const auto& label,
                             const auto& error) { failed(subject, label, error); },
            .corrected = [this](const auto& record) { corrected(record); }};
  }

  void result(const engine::PassResult& result, const engine::PassContext& context);

 private:
  void failed(const std::string& subject, const std::string& label, const Error& error);
  void corrected(const journal::Inconsistency& record);
  std::string sentence(const engine::PassResult& result) const;
  static std::string held_text(const journal::Hold& hold);
  void print_hold(const journal::Hold& hold) const;
  void print_pause(const journal::Pause& pause) const;

  std::string name_;
  const PassRequest& request_;
  const Common& common_;
  Progress progress_;
  std::int64_t failures_ = 0;
  std::int64_t corrections_ = 0;
};

void PassPrinter::failed(const std::string& subject, const std::string& label, const Error& error) {
  if (++failures_ > kShown && !common_.verbose) return;
  progress_.clear();
  std::string message = fmt::format("{}: subject {}: {}", name_, name_subject(subject, label),
                                    printable(error.what()));
  if (!error.sqlstate().empty()) message += fmt::format(" (SQLSTATE {})", error.sqlstate());
  print_error(Error(error.kind(), message, error.hint()));
}

/// A plan tells each subject; what a run did is in the journal.
void PassPrinter::corrected(const journal::Inconsistency& record) {
  if (!request_.plan) return;
  if (common_.json()) {
    print(JsonObject()
              .add("kind", "inconsistency")
              .add("converger", name_)
              .add("subject", record.subject)
              .add("label", record.label)
              .add("count", record.count)
              .add_members(record.detail)
              .line());
    return;
  }
  if (++corrections_ > kShown && !common_.verbose) return;
  progress_.clear();
  print(fmt::format("{}  {}: {}\n", styled(Style::strong, name_),
                    name_subject(record.subject, record.label.value_or("")),
                    summarize_steps(record.detail)));
}

std::string PassPrinter::held_text(const journal::Hold& hold) {
  return fmt::format("{} to correct, {} allowed; nothing was changed",
                     counted(hold.inconsistencies, "inconsistency", "inconsistencies"),
                     hold.allowed);
}

std::string PassPrinter::sentence(const engine::PassResult& result) const {
  const std::string subjects = counted(result.examined, "subject");
  const std::string changes = counted(result.changes, "change");
  std::string text;
  switch (result.outcome) {
    case engine::PassOutcome::unchanged:
      text =
          request_.subject && result.examined == 0
              ? fmt::format("nothing to do: find does not return {}", printable(*request_.subject))
              : fmt::format("nothing to do, {} examined", subjects);
      break;
    case engine::PassOutcome::converged:
      text = styled(Style::good, "converged") +
             fmt::format(": {} of {} corrected, {}", result.inconsistencies, subjects, changes);
      break;
    case engine::PassOutcome::planned:
      text = styled(Style::warning, "would correct") +
             fmt::format(" {} of {}, {}", result.inconsistencies, subjects, changes);
      break;
    case engine::PassOutcome::failed:
      text = styled(Style::bad, "failed");
      if (result.failed > 0) text += ": " + counted(result.failed, "subject") + " failed";
      if (result.hold) {
        text += fmt::format("{} {}", result.failed > 0 ? "," : ":", held_text(*result.hold));
      } else if (result.examined > 0) {
        text += fmt::format("{} {} of {} corrected, {}", result.failed > 0 ? "," : ":",
                            result.inconsistencies, subjects, changes);
      }
      break;
    case engine::PassOutcome::interrupted:
      text = styled(Style::warning, "interrupted") +
             fmt::format(": {} of {} corrected, {}", result.inconsistencies, subjects, changes);
      break;
    case engine::PassOutcome::held:
      text = styled(Style::warning, "held") + ": " + held_text(*result.hold);
      break;
    case engine::PassOutcome::skipped:
      text = result.paused ? styled(Style::warning, "skipped") + ": it is paused"
                           : "skipped: another process is at it";
      break;
  }
  return fmt::format("{}  {} ({})\n", styled(Style::strong, name_), text,
                     format_duration(result.duration));
}

void PassPrinter::print_hold(const journal::Hold& hold) const {
  if (request_.plan) {
    print_notice(fmt::format("{}: the limit would hold this pass", name_));
    return;
  }
  print_error(Error(ErrorKind::failure,
                    fmt::format("{}: the limit holds {}", name_,
                                counted(hold.inconsistencies, "inconsistency", "inconsistencies")),
                    how_to_release(hold)));
}

void PassPrinter::print_pause(const journal::Pause& pause) const {
  print_error(Error(ErrorKind::failure,
                    fmt::format("{}: {}", name_, printable(engine::pause_text(pause))),
                    fmt::format("To let it go on: `{}`.", engine::resume_command(pause))));
}

void PassPrinter::result(const engine::PassResult& result, const engine::PassContext& context) {
  progress_.clear();
  if (failures_ > kShown && !common_.verbose) {
    print_notice(fmt::format("{}: {} more failed; -v shows them, and so does the journal", name_,
                             counted(failures_ - kShown, "subject")));
  }
  if (result.error) print_error(result.error->within(name_));
  const bool quiet = common_.quiet && (result.outcome == engine::PassOutcome::unchanged ||
                                       result.outcome == engine::PassOutcome::skipped);
  if (common_.json()) {
    JsonObject line;
    line.add("kind", "pass");
    if (result.pass != 0) {
      line.add("pass", result.pass);
    } else {
      line.add_raw("pass", "null");
    }
    line.add("converger", name_)
        .add("trigger", context.trigger)
        .add("actor", context.actor)
        .add("outcome", engine::name_of(result.outcome))
        .add("examined", result.examined)
        .add("inconsistencies", result.inconsistencies)
        .add("changes", result.changes)
        .add("failed", result.failed)
        .add("quarantined", result.quarantined)
        .add("duration_ms", result.duration.count());
    if (result.paused) {
      line.add("paused_by", result.paused->actor).add("reason", result.paused->reason);
    }
    if (result.hold) line.add("digest", result.hold->digest).add("allowed", result.hold->allowed);
    if (!quiet) print(line.line());
  } else if (!quiet) {
    if (corrections_ > kShown && !common_.verbose) {
      print(fmt::format("{}  ... and {} more; -v shows them\n", styled(Style::strong, name_),
                        counted(corrections_ - kShown, "subject")));
    }
    print(sentence(result));
  }
  if (result.hold) print_hold(*result.hold);
  if (result.paused) print_pause(*result.paused);
  if (result.quarantined > 0 && !quiet) {
    print_notice(fmt::format("{}: {} in quarantine, see `converge show {}`", name_,
                             counted(result.quarantined, "subject"), name_));
  }
}

/// The process's connections and journal.
struct Workplace {
  Workplace(const config::Config& config, const std::string& actor, bool plan)
      : pool({.url = config.database_url,
              .environment_first = config.url_from_file,
              .connect_timeout = config.connect_timeout,
              .lock_timeout = config.lock_timeout}),
        // The pass's first connection, made while that of its locks is.
        first(std::async(std::launch::async, [this] { return pool.lease(); })),
        lock_session(pool.lease()),
        locks(*lock_session) {
    if (!plan) journal.emplace(config.journal, actor, [](const auto& text) { print_notice(text); });
    first.get();  // Back to the pool.
  }

  postgres::Pool pool;
  std::future<postgres::Pool::Lease> first;
  postgres::Pool::Lease lock_session;
  postgres::AdvisoryLocks locks;
  std::optional<journal::Journal> journal;
};

std::vector<std::string> named(const PassRequest& request) {
  if (!request.subject) return {};
  return {*request.subject};
}

/// What a plan leaves out as the next run would: from the journal, if there is one.
std::vector<journal::Quarantined> planned_without(const PassRequest& request,
                                                  const config::Config& config,
                                                  const std::string& name) {
  std::error_code error;
  if (!request.plan || !std::filesystem::exists(config.journal, error)) return {};
  auto all = journal::Reader(config.journal).state().quarantined;
  std::erase_if(all, [&](const auto& one) { return one.converger != name; });
  return all;
}

std::vector<std::string> chosen(const PassRequest& request, const convergers::Registry& registry,
                                const config::Config& config) {
  if (!request.names.empty()) return request.names;
  if (request.plan) return registry.names();
  return due(registry, config, wall_time_us());
}

/// Archives what is too old for the journal; false where that failed, which is told.
bool kept(const config::Config& config, const std::string& actor, const Common& common) {
  try {
    const auto done = engine::keep_journal(config, actor);
    if (done && !common.quiet) print_notice(*done);
    return true;
  } catch (const Error& error) {
    print_error(error.within("[journal] keep"));
    return false;
  }
}

/// Writes what passes without an entry left to remember; false where that failed, which is told.
bool flushed(journal::Journal& journal) {
  try {
    journal.flush();
    return true;
  } catch (const Error& error) {
    print_error(error);
    return false;
  }
}

/// Prints why a file is broken.
void print_broken(const convergers::Broken& broken) { print_error(broken.error); }

/// The broken files that concern these names; of a `run` of all, every one.
bool report_broken(const PassRequest& request, const convergers::Registry& registry) {
  bool any = false;
  for (const convergers::Broken& broken : registry.broken) {
    const auto& names = request.names;
    if (!names.empty() && std::find(names.begin(), names.end(), broken.name) == names.end())
      continue;
    print_broken(broken);
    any = true;
  }
  return any;
}

}  // namespace

void add_pass_options(CLI::App& app, PassRequest& request) {
  app.add_option("NAME", request.names, "convergers");
  app.add_option("--subject", request.subject, "only the subject with this key")->type_name("KEY");
  app.add_option_function<std::string>(
         "--wait",
         [&request](const std::string& text) {
           const auto wait = parse_duration(text);
           if (!wait) throw CLI::ValidationError("--wait", text + " is not a duration such as 30s");
           request.wait = *wait;
         },
         "how long to wait for another pass of it to end (default: not at all)")
      ->type_name("DURATION");
  app.add_flag("--exit-code", request.exit_code, "exit with 4 if there are inconsistencies");
}

std::vector<std::string> due(const convergers::Registry& registry, const config::Config& config,
                             std::int64_t now_us) {
  journal::State state;
  try {
    state = remember(config.journal);
  } catch (const Error&) {
    // Then everything is due, and what is wrong with the file is told by whoever writes it.
  }
  std::vector<std::string> names;
  for (const auto& converger : registry.convergers) {
    const std::string& name = converger->profile().name;
    const auto& every = converger->profile().settings.every;
    if (!every || journal::pause_in_force(state.pauses, name, now_us)) continue;
    const auto interval = std::chrono::microseconds(*every).count();
    const auto found = state.last_passes.find(name);
    const std::int64_t slack = std::min<std::int64_t>(interval / 10, 10'000'000);
    if (found == state.last_passes.end() || now_us - found->second.time_us >= interval - slack ||
        now_us < found->second.time_us) {
      names.push_back(name);
    }
  }
  return names;
}

int exit_status(const std::vector<engine::PassResult>& results, bool broken, bool exit_code) {
  const auto any = [&](const auto& condition) {
    return std::any_of(results.begin(), results.end(), condition);
  };
  const auto is = [](engine::PassOutcome outcome) {
    return [outcome](const engine::PassResult& result) { return result.outcome == outcome; };
  };
  if (results.empty() && broken) return kUsage;
  if (broken || any(is(engine::PassOutcome::failed)) || any(is(engine::PassOutcome::interrupted))) {
    return kFailed;
  }
  const auto paused = [](const engine::PassResult& result) { return result.paused.has_value(); };
  if (any(is(engine::PassOutcome::held)) || any(paused)) return kHeld;
  if (any(is(engine::PassOutcome::skipped))) return kLocked;
  if (exit_code && any([](const auto& result) { return result.inconsistencies > 0; })) {
    return kInconsistencies;
  }
  return kDone;
}

int execute_passes(const PassRequest& request, const Common& common) {
  const config::Config config = config::load(common.flags);
  const convergers::Registry registry = convergers::load_registry(config.convergers);
  convergers::require_known(registry, request.names);
  const bool broken = report_broken(request, registry);
  std::vector<std::string> names = chosen(request, registry, config);
  std::erase_if(names, [&](const auto& name) { return registry.find(name) == nullptr; });
  std::vector<engine::PassResult> results;
  bool unfinished = false;
  if (names.empty()) {
    if (!broken && common.verbose) print_notice("no converger is due");
    return exit_status(results, broken, request.exit_code);
  }

  handle_signals();
  const std::string actor = current_actor();
  Workplace workplace(config, actor, request.plan);
  if (workplace.journal) {
    engine::recover(*workplace.journal, workplace.locks, *workplace.lock_session,
                    [](const auto& text) { print_notice(text); });
  }
  for (const std::string& name : names) {
    if (interrupted()) {
      print_error(Error(ErrorKind::failure, name + ": not run: interrupted"));
      unfinished = true;
      continue;
    }
    PassPrinter printer(name, request, common);
    engine::PassContext context{.pool = workplace.pool,
                                .locks = workplace.locks,
                                .journal = workplace.journal ? &*workplace.journal : nullptr,
                                .trigger = request.plan      ? "plan"
                                           : actor == "cron" ? "cron"
                                                             : "hand",
                                .actor = actor,
                                .wait = request.wait,
                                .subjects = named(request),
                                .quarantined = planned_without(request, config, name),
                                .stop = &interrupted(),
                                .observer = printer.observer()};
    results.push_back(engine::run_pass(*registry.find(name), context));
    printer.result(results.back(), context);
  }
  if (workplace.journal) unfinished |= !flushed(*workplace.journal);
  if (workplace.journal && !interrupted()) unfinished |= !kept(config, actor, common);
  const bool told = std::any_of(results.begin(), results.end(),
                                [](const engine::PassResult& result) { return result.pass != 0; });
  if (workplace.journal && told) engine::witness_head(config.journal);
  return exit_status(results, broken || unfinished, request.exit_code);
}

}  // namespace converge::cli
