#include "src/cli/update_notice.h"

#include "journal/journal.h"
#include "src/base/clock.h"
#include "src/base/process.h"
#include "src/base/version.h"
#include "src/cli/output.h"
#include "src/engine/update_past.h"
#include "src/engine/updating.h"
#include "updater/host.h"
#include "updater/update.h"

#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace converge::cli {

namespace {

constexpr std::chrono::milliseconds kBudget{2'000};
/// For writing down that it came to nothing, or the next run would spend the budget again.
constexpr std::chrono::milliseconds kToRemember{500};
constexpr int kSpread = 10;  // Of the interval, the part by which hosts differ.

using Seen = std::map<std::string, updater::Floors>;

bool is_wanted(const config::Config& config, bool wanted) {
  const char* off = std::getenv("CONVERGE_NO_UPDATE_CHECK");
  const bool is_off = off != nullptr && *off != '\0' && std::string_view(off) != "0";
  return wanted && !is_off && !config.update.url.empty() &&
         !(config.update.keys.empty() && engine::trusted_keys(config).empty());
}

/// A clock that was set back does not stop checks until it is where it was.
bool is_due(const updater::Updater& updater, const config::Config& config) {
  const auto ago_us = wall_time_us() - updater.last_check_us();
  const auto every = std::chrono::duration_cast<std::chrono::seconds>(config.update.every);
  auto wait = std::chrono::duration_cast<std::chrono::microseconds>(config.update.every);
  if (every.count() >= kSpread) {
    wait += updater::host_delay(updater::machine_id(config.journal.parent_path()), every / kSpread);
  }
  return ago_us < 0 || ago_us >= wait.count();
}

std::string told(const updater::Finding& finding) {
  const auto& manifest = finding.release.manifest;
  const auto& withdrawn = manifest.withdrawn;
  const auto verdict = finding.decision.verdict;
  if (std::find(withdrawn.begin(), withdrawn.end(), build_number()) != withdrawn.end()) {
    return fmt::format("warning: {}{}", finding.decision.why,
                       verdict == updater::Verdict::install || verdict == updater::Verdict::go_back
                           ? ": `converge update` leaves it"
                           : "");
  }
  if (verdict != updater::Verdict::install) return {};
  return fmt::format(
      "build {} is available on channel {}, and this is build {}: `converge update` "
      "installs it",
      manifest.build, manifest.channel, build_number());
}

}  // namespace

/// Shared with the thread, which may outlast its `run`.
struct UpdateNotice::Look {
  std::mutex mutex;
  std::condition_variable ended;
  bool is_over = false;
  std::optional<updater::Finding> finding;
  std::vector<std::pair<updater::UpdateNote, Seen>> notes;  // To be journaled.
  Clock::time_point end = Clock::now() + kBudget + kToRemember;

  /// Until it is over, or its time is.
  std::unique_lock<std::mutex> wait() {
    std::unique_lock lock(mutex);
    ended.wait_until(lock, end, [this] { return is_over; });
    return lock;
  }
};

UpdateNotice::UpdateNotice(const config::Config& config, bool wanted) {
  try {
    if (!is_wanted(config, wanted)) return;
    const auto look = std::make_shared<Look>();
    updater::UpdaterHooks hooks;
    hooks.floors = [file = config.journal] { return engine::floors_in(file); };
    hooks.past = [file = config.journal] { return engine::update_past_in(file); };
    hooks.note = [look](const auto& note, const auto& seen) {
      const std::scoped_lock guard(look->mutex);
      look->notes.emplace_back(note, seen);
    };
    auto updater = std::make_shared<updater::Updater>(updater::Installation::of_this_process(),
                                                      engine::updater_options(config), hooks);
    if (!is_due(*updater, config)) return;
    std::thread([look, updater] {
      std::optional<updater::Finding> finding;
      try {
        finding = updater->check(kBudget);
      } catch (const std::exception&) {
        finding.reset();  // It is remembered with the check, for `converge update --status`.
      }
      const std::scoped_lock guard(look->mutex);
      look->finding = std::move(finding);
      look->is_over = true;
      look->ended.notify_all();
    }).detach();
    look_ = look;
  } catch (const std::exception&) {
    look_.reset();
  }
}

/// A process that ends takes its libraries down, which a thread of it must not be in.
UpdateNotice::~UpdateNotice() {
  if (look_) look_->wait();
}

void UpdateNotice::tell(const config::Config& config, bool quiet) {
  const auto look = std::exchange(look_, nullptr);
  if (!look) return;
  auto lock = look->wait();
  const auto notes = std::exchange(look->notes, {});
  const auto finding = look->finding;
  lock.unlock();
  try {
    if (!notes.empty()) {
      journal::Journal journal(config.journal, current_actor(),
                               [](const auto& text) { print_notice(text); });
      for (const auto& [note, seen] : notes) {
        journal.append_update(engine::update_event(note), engine::update_seen(seen), note.once);
      }
    }
  } catch (const Error&) {
    // The next check finds it again.
  }
  const auto text = finding ? told(*finding) : std::string();
  if (!text.empty() && !quiet) print_notice(text);
}

}  // namespace converge::cli
