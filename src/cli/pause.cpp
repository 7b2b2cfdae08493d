#include "journal/journal.h"
#include "src/base/clock.h"
#include "src/base/process.h"
#include "src/base/shell.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/history.h"
#include "src/cli/output.h"
#include "src/cli/situation.h"

#include <fmt/core.h>

#include <memory>

namespace converge::cli {

namespace {

/// What `pause`, `resume` and `retry` are asked to do, and to which converger.
struct ControlRequest {
  std::string name;  ///< Empty: all of them.
  bool all = false;
  std::string reason;
  std::optional<std::chrono::milliseconds> period;
  std::optional<std::string> subject;
};

journal::Journal open_journal(const config::Config& config) {
  return {config.journal, current_actor(), [](const auto& text) { print_notice(text); }};
}

void require_converger(const config::Config& config, const std::string& name) {
  if (name.empty()) return;
  require_known(config, name);
}

void require_one_or_all(const ControlRequest& request) {
  if (request.name.empty() == request.all) return;
  throw Error(ErrorKind::usage,
              request.all ? "NAME and --all exclude each other" : "neither NAME nor --all is given",
              "Name one converger, or say --all for every one.");
}

/// An object with `converger`, or with `all` where it concerns them all.
JsonObject about(const std::string& name) {
  JsonObject line;
  return name.empty() ? line.add("all", true) : line.add("converger", name);
}

std::string target(const std::string& name) {
  return styled(Style::strong, name.empty() ? "all convergers" : name);
}

/// Where nothing was paused under that name: a slip of the pen, or another pause than that.
[[noreturn]] void fail_to_resume(const config::Config& config, const std::string& name) {
  require_converger(config, name);
  const auto state = remember(config.journal);
  const auto of_all = journal::pause_in_force(state.pauses, "", wall_time_us());
  throw Error(ErrorKind::failure,
              name.empty() ? "there is no pause of all convergers"
                           : fmt::format("converger {} is not paused", name),
              of_all ? "All are paused at once; `converge resume --all` lifts that."
                     : "`converge list` shows what is.");
}

int pause(const ControlRequest& request, const Common& common) {
  require_one_or_all(request);
  const config::Config config = config::load(common.flags);
  require_converger(config, request.name);
  if (trim(request.reason).empty()) {
    throw Error(ErrorKind::usage, "the reason is empty",
                "Say in --reason what the next person has to know.");
  }
  journal::Pause wanted{.converger = request.name, .reason = request.reason};
  if (request.period) {
    wanted.until_us = wall_time_us() + std::chrono::microseconds(*request.period).count();
  }
  open_journal(config).pause(wanted);
  if (common.json()) {
    auto line = about(request.name);
    if (wanted.until_us != 0) line.add("until", format_utc(wanted.until_us));
    print(line.add("reason", wanted.reason).add("journal", config.journal.string()).line());
    return kDone;
  }
  print(fmt::format("{}  paused{}: {}\n", target(request.name),
                    wanted.until_us == 0 ? "" : " until " + format_local(wanted.until_us),
                    printable(wanted.reason)));
  print_notice(fmt::format(
      "this holds for all who use the journal {}, and for other hosts only while a daemon with it "
      "runs; a pass that runs already goes on to its end. To let {} go on: `converge resume {}`",
      printable(config.journal.string()), request.all ? "them" : "it",
      request.all ? "--all" : shell_word(request.name)));
  return kDone;
}

/// Those that go on being paused by themselves.
void tell_paused_still(const config::Config& config) {
  const auto now_us = wall_time_us();
  for (const auto& still : remember(config.journal).pauses) {
    if (still.until_us != 0 && still.until_us <= now_us) continue;
    print_notice(fmt::format("{} was paused by itself and still is: `converge resume {}`",
                             printable(still.converger), shell_word(still.converger)));
  }
}

int resume(const ControlRequest& request, const Common& common) {
  require_one_or_all(request);
  const config::Config config = config::load(common.flags);
  if (!open_journal(config).resume(request.name, request.reason)) {
    fail_to_resume(config, request.name);
  }
  if (common.json()) {
    print(about(request.name).line());
  } else {
    print(fmt::format("{}  resumed\n", target(request.name)));
  }
  if (request.all) tell_paused_still(config);
  return kDone;
}

int retry(const ControlRequest& request, const Common& common) {
  if (request.subject.has_value() == request.all) {
    throw Error(ErrorKind::usage,
                request.all ? "KEY and --all exclude each other" : "neither KEY nor --all is given",
                fmt::format("`converge show {}` shows what is in quarantine.", request.name));
  }
  const config::Config config = config::load(common.flags);
  const int subjects = open_journal(config).retry(request.name, request.subject);
  if (subjects == 0) {
    require_converger(config, request.name);
    throw Error(ErrorKind::failure,
                request.subject ? fmt::format("subject {} of {} is not in quarantine",
                                              printable(*request.subject), request.name)
                                : fmt::format("no subject of {} is in quarantine", request.name),
                fmt::format("`converge show {}` shows what is.", request.name));
  }
  if (common.json()) {
    print(JsonObject()
              .add("converger", request.name)
              .add("subject", request.subject)
              .add("count", std::int64_t{subjects})
              .line());
  } else {
    print(fmt::format("{}  {} to be tried in the next pass\n", styled(Style::strong, request.name),
                      counted(subjects, "subject")));
  }
  return kDone;
}

}  // namespace

std::function<int()> define_pause(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<ControlRequest>();
  app.add_option("NAME", request->name, "a converger");
  app.add_flag("--all", request->all, "every converger");
  app.add_option("--reason", request->reason, "why; kept in the journal")
      ->type_name("TEXT")
      ->required();
  app.add_option_function<std::string>(
         "--for",
         [request](const std::string& text) {
           request->period = parse_duration(text);
           if (!request->period || request->period->count() == 0) {
             throw CLI::ValidationError("--for", text + " is not a duration such as 2h");
           }
         },
         "it goes on by itself after that time (default: until it is resumed)")
      ->type_name("DURATION");
  return [request, &common] { return pause(*request, common); };
}

std::function<int()> define_resume(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<ControlRequest>();
  app.add_option("NAME", request->name, "a converger that is paused");
  app.add_flag("--all", request->all, "lift the pause of all; what is paused by itself stays so");
  app.add_option("--reason", request->reason, "why; kept in the journal")->type_name("TEXT");
  return [request, &common] { return resume(*request, common); };
}

std::function<int()> define_retry(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<ControlRequest>();
  app.add_option("NAME", request->name, "a converger")->required();
  app.add_option("KEY", request->subject, "a subject of it that is in quarantine");
  app.add_flag("--all", request->all, "every subject of it that is in quarantine");
  return [request, &common] { return retry(*request, common); };
}

}  // namespace converge::cli
