#include "src/cli/updating.h"

#include "convergers/registry.h"
#include "src/base/clock.h"
#include "src/base/process.h"
#include "src/base/version.h"
#include "src/cli/history.h"
#include "src/cli/output.h"
#include "src/cli/trial_verdict.h"

#include <fmt/core.h>

#include <utility>

namespace converge::cli {

namespace {

/// A journal that cannot be read tells of none.
bool may_have_daemon(const config::Config& config) {
  try {
    return has_daemon(config);
  } catch (const Error&) {
    return true;
  }
}

/// Who has replaced it may well have done what was to be done.
updater::Installation installation_of_this_process() {
  try {
    return updater::Installation::of_this_process();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::transient) throw updater::UpdateBusy(error);
    throw;
  }
}

}  // namespace

Updating::Updating(const config::Config& config, bool looking, updater::DownloadProgress progress)
    : config_(config), looking_(looking) {
  auto options = engine::updater_options(config);
  // A timer asks for what is meant for this host; a person for what there is.
  options.forced = current_actor() != "cron";
  if (!may_have_daemon(config)) options.trial = config.update.trial;
  auto hooks = engine::updater_hooks(
      config, [this]() -> journal::Journal& { return journal(); },
      [&config] { return convergers::broken_names(config); });
  hooks.note = [this](const auto& one, const auto& seen) { note(one, seen); };
  hooks.progress = std::move(progress);
  updater_.emplace(installation_of_this_process(), std::move(options), std::move(hooks));
}

journal::Journal& Updating::journal() {
  if (!journal_) {
    journal_.emplace(config_.journal, current_actor(),
                     [](const auto& text) { print_notice(text); });
  }
  return *journal_;
}

/// A refusal is an error already, which must not be hidden by another one.
void Updating::note(const updater::UpdateNote& note,
                    const std::map<std::string, updater::Floors>& seen) {
  try {
    journal().append_update(engine::update_event(note), engine::update_seen(seen), note.once);
  } catch (const Error& error) {
    if (!looking_ && note.event != "refused") throw;
    print_notice(fmt::format("not journaled: {}", error.what()));
  }
}

bool has_daemon(const config::Config& config) {
  const auto service = remember(config.journal).service;
  return service && is_alive(service->process);
}

bool end_trial_by_passes(updater::Updater& updater, const config::Config& config) {
  try {
    const auto trial = updater.state().trial;
    if (!trial || trial->build != build_number() || has_daemon(config)) return false;
    const auto verdict = told_verdict(config.journal, *trial);
    if (!verdict) return false;
    if (!verdict->is_healthy) return updater.fail_trial(verdict->why);
    updater.commit_trial();
  } catch (const updater::NotJournaled&) {
    throw;  // It is put back.
  } catch (const Error& error) {
    print_notice(fmt::format("the trial of build {} goes on: {}", build_number(), error.what()));
  }
  return false;
}

std::string release_text(const updater::ReleaseManifest& manifest) {
  return fmt::format("build {} (channel {}, signed {})", manifest.build, manifest.channel,
                     format_local(manifest.issued_us));
}

}  // namespace converge::cli
