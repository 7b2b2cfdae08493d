#include "src/cli/update.h"

#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/base/version.h"
#include "src/cli/output.h"
#include "src/cli/progress.h"
#include "src/cli/refresh.h"
#include "src/cli/updating.h"

#include <fmt/core.h>

#include <memory>
#include <unistd.h>

namespace converge::cli {

namespace {

using updater::Done;
using updater::Finding;
using updater::Verdict;

constexpr std::chrono::seconds kAnswer{30};  // From the server, to a check.

/// What is done, or would be, in words.
void print_result(const Common& common, std::string_view done, const JsonObject& json,
                  const std::string& text) {
  if (common.json()) {
    print(JsonObject().add("done", done).add_members(json.text()).line());
  } else if (!common.quiet || done != "nothing") {
    print(text + "\n");
  }
}

void print_warnings(const Finding& finding) {
  for (const auto& warning : finding.decision.warnings) print_notice(warning);
}

/// Throws for what the server must not offer, and for what was asked for and cannot be had.
void require_offer(const Finding& finding) {
  const auto& decision = finding.decision;
  switch (decision.verdict) {
    case Verdict::floor_refused:
      throw Error(ErrorKind::failure, decision.why,
                  "Somebody replays an old release, or has published one: `converge publish` of a "
                  "higher build, or `converge publish resign` where an old manifest was put back, "
                  "makes it the newest.");
    case Verdict::no_artifact:
      throw Error(ErrorKind::failure, decision.why,
                  "Publish a build that has one: `converge publish` takes several binaries.");
    case Verdict::not_offered:
      throw Error(ErrorKind::usage, decision.why,
                  "`converge update --check` tells what the channel offers.");
    default:
      return;
  }
}

int check(updater::Updater& updater, const UpdateRequest& request, const Common& common) {
  const auto finding = updater.check(kAnswer, request.to);
  print_warnings(finding);
  require_offer(finding);
  const auto verdict = finding.decision.verdict;
  const bool newer = verdict == Verdict::install || verdict == Verdict::go_back;
  if (common.json()) {
    print(finding_json(finding).line());
  } else if (!common.quiet || newer) {
    print(newer ? fmt::format("{}: {}\n",
                              verdict == Verdict::install
                                  ? release_text(finding.release.manifest)
                                  : fmt::format("back to build {}", finding.decision.build),
                              finding.decision.why)
                : finding.decision.why + "\n");
  }
  return newer && request.exit_code ? kInconsistencies : kDone;
}

void require_previous(const updater::Updater& updater) {
  if (updater.installation().has_previous()) return;
  throw Error(ErrorKind::usage,
              fmt::format("there is no build before build {} to go back to", build_number()),
              "An older one is only ever gone back to, never installed.");
}

int roll_back(updater::Updater& updater, const std::string& why, const Common& common) {
  require_previous(updater);
  const auto previous = updater.remembered().previous_build;
  updater.roll_back(why);
  print_result(common, "went_back", JsonObject().add("build", previous).add("from", build_number()),
               fmt::format("{} is put back in place of build {}, which is quarantined",
                           previous == 0 ? std::string("the build before")
                                         : fmt::format("build {}", previous),
                           build_number()));
  return kDone;
}

/// What is gone back to is a build that has proven itself.
std::string kept_text(const updater::UpdateState& before, std::int64_t previous) {
  if (!before.trial || before.trial->build != build_number() || previous == build_number()) {
    return {};
  }
  return fmt::format("; build {} had not proven itself, so build {} is kept to go back to",
                     build_number(), previous);
}

int update(Updating& updating, Progress& progress, const UpdateRequest& request,
           const config::Config& config, const Common& common) {
  auto& updater = updating.updater();
  if (updater.settle()) {
    print_notice("a rollback that was interrupted has been brought to its end");
    return kDone;
  }
  const auto state = updater.state();
  if (end_trial_by_passes(updater, config)) {
    print_result(common, "went_back",
                 JsonObject().add("build", state.previous_build).add("from", build_number()),
                 fmt::format("build {} is put back: all passes of build {} failed, and had not "
                             "before",
                             state.previous_build, build_number()));
    return kDone;
  }
  refresh_installed(common.quiet);
  if (request.to && *request.to != build_number() && *request.to == state.previous_build &&
      updater.installation().has_previous()) {
    return roll_back(updater, fmt::format("a person went back to build {}", *request.to), common);
  }
  if (request.to && *request.to < build_number()) {
    throw Error(ErrorKind::usage,
                fmt::format("build {} is lower than build {}, and a lower one is never installed",
                            *request.to, build_number()),
                "The build before can be gone back to with --rollback.");
  }
  const auto finding = updater.check(kAnswer, request.to);
  print_warnings(finding);
  require_offer(finding);
  const auto done = updater.act(finding);
  progress.clear();
  const auto& decision = finding.decision;
  switch (done) {
    case Done::installed:
      print_result(common, "installed", finding_json(finding),
                   fmt::format("{} is installed in place of build {}, on trial{}",
                               release_text(finding.release.manifest), build_number(),
                               kept_text(state, updater.state().previous_build)));
      return kDone;
    case Done::went_back:
      print_result(common, "went_back", finding_json(finding),
                   fmt::format("build {} is put back: {}", state.previous_build, decision.why));
      return kDone;
    case Done::replaced_meanwhile:
      print_result(common, "replaced_meanwhile", finding_json(finding),
                   "another update has replaced the binary meanwhile");
      return kDone;
    default:
      print_result(common, "nothing", finding_json(finding), decision.why);
      return kDone;
  }
}

int execute(const UpdateRequest& request, const Common& common) {
  if (request.announce_start) return announce_start(common.flags);
  auto config = config::load(common.flags);
  if (!request.channel.empty()) config.update.channel = request.channel;
  if (!updater::is_channel_name(config.update.channel)) {
    throw Error(ErrorKind::usage,
                fmt::format("not the name of a channel: {}", printable(config.update.channel)),
                "Use lower-case letters, digits and hyphens, such as stable.");
  }
  if (request.preflight) return answer_preflight(config);
  if (request.status) return show_update_status(config, common);
  if (!request.rollback) engine::require_update_source(config);
  Progress progress("downloading");
  try {
    Updating updating(config, request.check,
                      [&](auto done, auto total) { progress.show(done, total); });
    if (request.check) return check(updating.updater(), request, common);
    if (request.rollback) {
      return roll_back(updating.updater(), "a person went back", common);
    }
    return update(updating, progress, request, config, common);
  } catch (const updater::UpdateBusy& busy) {
    progress.clear();
    print_error(busy);
    return kLocked;
  }
}

}  // namespace

JsonObject finding_json(const Finding& finding) {
  const auto& [release, decision, wanted] = finding;
  const auto& manifest = release.manifest;
  JsonObject line;
  line.add("installed", build_number())
      .add("available", manifest.build)
      .add("verdict", updater::name_of(decision.verdict))
      .add("build", decision.build)
      .add("why", decision.why)
      .add("channel", manifest.channel)
      .add("seq", manifest.seq)
      .add("commit", manifest.commit)
      .add("issued", format_utc(manifest.issued_us))
      .add("expires", format_utc(manifest.expires_us))
      .add("key", release.key_id);
  if (decision.opens_us) line.add("opens", format_utc(*decision.opens_us));
  return line;
}

std::function<int()> define_update(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<UpdateRequest>();
  auto* check = app.add_flag("--check", request->check, "say what is available, install nothing");
  auto* to = app.add_option("--to", request->to, "install this build, whatever the rollout says")
                 ->type_name("N")
                 ->check(CLI::Range(std::int64_t{1}, updater::kHighestBuild));
  auto* rollback = app.add_flag("--rollback", request->rollback,
                                "put the build before back and quarantine the present one");
  auto* status =
      app.add_flag("--status", request->status, "show what is installed, offered and kept");
  app.add_option("--channel", request->channel, "another than the configured one")
      ->type_name("NAME");
  app.add_flag("--exit-code", request->exit_code, "with --check: exit with 4 if there is something")
      ->needs(check);
  app.add_flag("--preflight", request->preflight)->group("");
  app.add_flag("--announce-start", request->announce_start)->group("");
  rollback->excludes(check)->excludes(to)->excludes(status);
  status->excludes(check)->excludes(to);
  return [request, &common] { return execute(*request, common); };
}

}  // namespace converge::cli
