#include "src/cli/passes.h"

#include "journal/journal.h"
#include "journal/reader.h"
#include "src/base/clock.h"
#include "src/base/process.h"
#include "src/base/text.h"
#include "src/cli/confirm.h"
#include "src/cli/history.h"
#include "src/cli/interrupt.h"
#include "src/cli/output.h"
#include "src/cli/pass_printer.h"
#include "src/cli/planning.h"
#include "src/cli/run_trial.h"
#include "src/cli/update_notice.h"
#include "src/engine/keep.h"
#include "src/engine/recovery.h"
#include "src/engine/witness.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <future>
#include <memory>

namespace converge::cli {

namespace {

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

/// What `run` has to do: passes, and what earlier ones owe to the outside.
struct Errands {
  std::vector<std::string> names;
  std::vector<std::string> owing;  ///< Beside those.
};

/// Convergers with steps outside the database that are owed; none when the journal cannot be read,
/// which is told by whoever writes it.
std::vector<std::string> owing(const config::Config& config) {
  try {
    std::vector<std::string> names;
    for (const auto& [name, total] : remember(config.journal).owed) {
      if (total.subjects > 0) names.push_back(name);
    }
    return names;
  } catch (const Error&) {
    return {};
  }
}

Errands chosen(const PassRequest& request, const convergers::Registry& registry,
               const config::Config& config) {
  Errands errands{.names = request.names, .owing = {}};
  if (request.names.empty()) {
    errands.names = request.plan ? registry.names() : due(registry, config, wall_time_us());
  }
  errands.owing = owing(config);
  for (const std::string& name : errands.owing) {
    if (registry.find(name) != nullptr) continue;
    print_notice(fmt::format("steps outside the database are owed by {}, which has no definition",
                             printable(name)));
  }
  const auto is_unknown = [&](const auto& name) { return registry.find(name) == nullptr; };
  std::erase_if(errands.names, is_unknown);
  std::erase_if(errands.owing, [&](const std::string& name) {
    return is_unknown(name) ||
           std::find(errands.names.begin(), errands.names.end(), name) != errands.names.end();
  });
  if (!request.plan) return errands;
  for (const std::string& name : std::exchange(errands.owing, {})) {
    print_notice(fmt::format("a run also carries out what is owed by {0}: `converge plan {0}`",
                             printable(name)));
  }
  return errands;
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

/// A key means something in one converger alone.
void require_one_name(const PassRequest& request) {
  if (!request.subject || request.names.size() == 1) return;
  throw Error(
      ErrorKind::usage, fmt::format("--subject needs one NAME, not {}", request.names.size()),
      "Name the converger that has the subject, such as `converge run NAME --subject KEY`.");
}

/// What a run without names is about to do, for the person who is asked. Many names are cut short.
std::string described(const Errands& errands) {
  constexpr std::size_t kNames = 10;
  const auto list = [kNames](const std::vector<std::string>& names) {
    const std::vector<std::string> first(
        names.begin(), names.begin() + static_cast<long>(std::min(names.size(), kNames)));
    return fmt::format("{}{}", fmt::join(first, ", "), names.size() > kNames ? ", ..." : "");
  };
  const auto count = static_cast<std::int64_t>(errands.names.size());
  std::string text;
  if (count > 0) {
    text = fmt::format("run {} that {} due: {}", counted(count, "converger"),
                       count == 1 ? "is" : "are", list(errands.names));
  }
  if (errands.owing.empty()) return text;
  return fmt::format("{}{}carry out what is owed by {}", text, text.empty() ? "" : ", and ",
                     list(errands.owing));
}

/// Whether a person is to be asked first: one who named no converger may not know which are due.
bool asks_first(const PassRequest& request) {
  return request.names.empty() && !request.plan && !request.yes && is_interactive();
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

/// The passes of one command, one after the other.
class Passes {
 public:
  /// `is_told`: the person knows already which database it is.
  Passes(const PassRequest& request, const Common& common, const config::Config& config,
         const convergers::Registry& registry, bool is_told)
      : request_(request),
        common_(common),
        config_(config),
        registry_(registry),
        workplace_(config, actor_, request.plan) {
    if (!workplace_.journal) return;
    if (!is_told) tell_target(*workplace_.lock_session, common);
    engine::recover(*workplace_.journal, workplace_.locks, *workplace_.lock_session,
                    [](const auto& text) { print_notice(text); });
  }

  void run(const std::string& name) { pass(name, false); }
  /// What is owed alone; told when that was something.
  void carry_out(const std::string& name) { pass(name, true); }

  /// Puts the journal in order; false when something was left undone, which is told.
  bool end() {
    bool done = !left_out_;
    if (!workplace_.journal) return done;
    done &= flushed(*workplace_.journal);
    if (!interrupted()) done &= kept(config_, actor_, common_);
    const bool told = std::any_of(results_.begin(), results_.end(),
                                  [](const auto& result) { return result.pass != 0; });
    if (told) engine::witness_head(config_.journal);
    return done;
  }

  const std::vector<engine::PassResult>& results() const { return results_; }

 private:
  void pass(const std::string& name, bool only_owed) {
    if (interrupted()) {
      print_error(Error(ErrorKind::failure, name + ": not run: interrupted"));
      left_out_ = true;
      return;
    }
    PassPrinter printer(name, request_, common_);
    engine::PassContext context{
        .pool = workplace_.pool,
        .locks = workplace_.locks,
        .journal = workplace_.journal ? &*workplace_.journal : nullptr,
        .trigger = request_.plan ? "plan" : (actor_ == "cron" ? "cron" : "hand"),
        .actor = actor_,
        .wait = request_.wait,
        .subjects = only_owed ? std::vector<std::string>{} : named(request_),
        .only_owed = only_owed,
        .stop = &interrupted(),
        .observer = printer.observer()};
    std::int64_t owed = 0;
    if (request_.plan) {
      remember_for_plan(context, config_, name);
      owed = plan_owed(*registry_.find(name), context, config_, printer);
    }
    const auto result = engine::run_pass(*registry_.find(name), context);
    const bool idle = result.pass == 0 && !result.error;
    if (only_owed && idle) return;  // Another process was at it, or a person paused it.
    results_.push_back(result);
    results_.back().inconsistencies += owed;  // As the run would count them.
    printer.result(result, context);
  }

  const PassRequest& request_;
  const Common& common_;
  const config::Config& config_;
  const convergers::Registry& registry_;
  const std::string actor_ = current_actor();
  Workplace workplace_;
  std::vector<engine::PassResult> results_;
  bool left_out_ = false;
};

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

namespace {

int execute(const PassRequest& request, const Common& common, const config::Config& config) {
  const convergers::Registry registry = convergers::load_registry(config);
  convergers::require_known(registry, request.names);
  const bool broken = report_broken(request, registry);
  const Errands errands = chosen(request, registry, config);
  if (errands.names.empty() && errands.owing.empty()) {
    if (!broken && !common.quiet) print_notice("no converger is due");
    return exit_status({}, broken, request.exit_code);
  }

  const bool asked = asks_first(request);
  if (asked) ask_before(described(errands), config);
  end_at({SIGINT, SIGTERM});
  RunTrial trial(config);
  Passes passes(request, common, config, registry, asked);
  for (const std::string& name : errands.owing) passes.carry_out(name);
  for (const std::string& name : errands.names) passes.run(name);
  const bool unfinished = !passes.end();
  if (!request.plan && !trial.end(passes.results())) return kFailed;
  return exit_status(passes.results(), broken || unfinished, request.exit_code);
}

}  // namespace

int execute_passes(const PassRequest& request, const Common& common) {
  require_one_name(request);
  const config::Config config = config::load(common.flags);
  UpdateNotice notice(config, request.update_check);
  const int status = execute(request, common, config);
  notice.tell(config, common.quiet);
  return status;
}

}  // namespace converge::cli
