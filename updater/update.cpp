#include "updater/update.h"

#include "src/base/error.h"
#include "src/base/version.h"
#include "updater/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace converge::updater {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr int kEverybody = 100;  // Percent.
constexpr int kLastBucket = 99;

milliseconds left_until(Clock::time_point end) {
  return std::max(std::chrono::ceil<milliseconds>(end - Clock::now()), milliseconds{1});
}

bool is_writable(const std::filesystem::path& directory) {
  return faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

/// A state file's time of modification is that of the last check.
std::int64_t modified_us(const std::filesystem::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * kSecondUs + status.st_mtim.tv_nsec / 1000;
}

bool is_of(const LastCheck& check, const UpdaterOptions& options) {
  return check.url == options.source.url && check.channel == options.channel;
}

/// But for the time.
bool says_the_same(const UpdateState& one, const UpdateState& other) {
  if (one.floors != other.floors || !one.last_check || !other.last_check) return false;
  LastCheck check = *one.last_check;
  check.time_us = other.last_check->time_us;
  return check == *other.last_check;
}

int bucket_of(const UpdaterOptions& options) {
  try {
    return host_bucket(machine_id(options.state_directory), options.channel);
  } catch (const Error&) {
    return kLastBucket;  // A host that nothing tells from the others comes last.
  }
}

/// A clock that was set back makes no trial longer.
bool is_overdue(const std::optional<Trial>& trial, const UpdaterOptions& options) {
  if (!trial || !options.trial) return false;
  const auto ago_us = wall_time_us() - trial->since_us;
  return ago_us < 0 || ago_us > std::chrono::microseconds(*options.trial).count();
}

bool is_offer(Verdict verdict) {
  constexpr std::array kOffers = {Verdict::install, Verdict::wait_for_rollout,
                                  Verdict::wait_for_trial, Verdict::paused};
  return std::find(kOffers.begin(), kOffers.end(), verdict) != kOffers.end();
}

}  // namespace

Updater::Updater(Installation installation, UpdaterOptions options, UpdaterHooks hooks)
    : installation_(std::move(installation)),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      binary_(installation_.identity()) {}

UpdateState Updater::state() const {
  UpdateState state = read_update_state(installation_.state_file());
  if (options_.cache.empty() || is_writable(installation_.directory())) return state;
  const UpdateState cached = read_update_state(options_.cache);
  if (cached.last_check && modified_us(options_.cache) >= modified_us(installation_.state_file())) {
    state.last_check = cached.last_check;
  }
  for (const auto& [channel, floors] : cached.floors) {
    state.floors[channel].seq = std::max(state.floors[channel].seq, floors.seq);
  }
  return state;
}

/// What is lost here is there still.
UpdateState Updater::with_journal(UpdateState state) const {
  if (hooks_.floors) {
    for (const auto& [channel, known] : hooks_.floors()) {
      Floors& floors = state.floors[channel];
      floors.seq = std::max(floors.seq, known.seq);
      floors.build = std::max(floors.build, known.build);
    }
  }
  if (!hooks_.past) return state;
  auto past = hooks_.past();
  for (auto& one : past.quarantined) {
    if (!is_quarantined(state, one.build)) state.quarantined.push_back(std::move(one));
  }
  if (state.previous_build == 0 && past.installed == options_.build &&
      installation_.has_previous()) {
    state.previous_build = past.previous;
  }
  return state;
}

Finding Updater::decided(SignedRelease release, const UpdateState& state,
                         std::optional<std::int64_t> wanted) const {
  const auto& manifest = release.manifest;
  const auto known = state.floors.find(options_.channel);
  const bool gradual = manifest.rollout.percent_per_hour < kEverybody;
  const auto built_us = manifest.build == options_.build ? manifest.built_us : 0;
  auto decision =
      decide(manifest, {.build = options_.build,
                        .build_time_us = std::max(built_us, build_time_us()),
                        .channel = options_.channel,
                        .platform = this_platform(),
                        .floors = known == state.floors.end() ? Floors{} : known->second,
                        .quarantined = state.quarantined,
                        .previous_build = installation_.has_previous() ? state.previous_build : 0,
                        .trial = state.trial,
                        .trial_is_overdue = is_overdue(state.trial, options_),
                        .bucket = gradual ? bucket_of(options_) : 0,
                        .now_us = wall_time_us(),
                        .wanted = wanted,
                        .forced = options_.forced});
  if (!state.trouble.empty()) {
    decision.warnings.push_back(state.trouble +
                                "; what is known of builds is taken from the journal");
  }
  return {.release = std::move(release), .decision = std::move(decision), .wanted = wanted};
}

// Asking.

SignedRelease Updater::verified(const std::string& object) const {
  return verify_release(object, options_.keys, options_.channel);
}

/// `state` then has the object and its validators.
SignedRelease Updater::ask(UpdateState& state, Clock::time_point end,
                           std::optional<std::int64_t> wanted) {
  LastCheck& last = *state.last_check;
  ReleaseSource source(options_.source);
  const Validators validators =
      last.object.empty() ? Validators{} : Validators{last.etag, last.last_modified};
  auto answer = source.channel(options_.channel, validators, left_until(end));
  if (answer.unchanged) {
    try {
      const auto release = verified(last.object);
      return wanted && *wanted != release.manifest.build ? of_build(*wanted, release, end)
                                                         : release;
    } catch (const Error&) {
      // The keys are others by now, or the file is not as it was written.
      answer = source.channel(options_.channel, {}, left_until(end));
    }
  }
  try {
    auto release = verified(answer.object);
    Floors& floors = state.floors[options_.channel];
    if (release.manifest.seq >= floors.seq) {
      last.object = std::move(answer.object);
      last.etag = std::move(answer.etag);
      last.last_modified = std::move(answer.last_modified);
      floors.seq = release.manifest.seq;
    }
    if (wanted && *wanted != release.manifest.build) return of_build(*wanted, release, end);
    return release;
  } catch (const Error& error) {
    const Error told = error.within(fmt::format("release of channel {}", options_.channel));
    if (error.kind() == ErrorKind::failure) {
      tell({.event = "refused", .from = options_.build, .why = told.what(), .once = true}, state);
    }
    throw told;
  }
}

/// What the manifest of an older release says of its binary, and of all else what the channel says
/// now: a build that was withdrawn since must not come in by its own word.
SignedRelease Updater::of_build(std::int64_t build, const SignedRelease& offered,
                                Clock::time_point end) {
  const auto path = fmt::format("builds/{}/manifest.{}", build, options_.channel);
  ReleaseSource source(options_.source);
  auto release = verified(source.object_at(path, kMostReleaseBytes, left_until(end)));
  if (release.manifest.build != build) {
    throw Error(ErrorKind::failure, fmt::format("{} is of build {}", path, release.manifest.build));
  }
  auto manifest = offered.manifest;
  manifest.build = build;
  manifest.commit = release.manifest.commit;
  manifest.built_us = release.manifest.built_us;
  manifest.artifacts = release.manifest.artifacts;
  release.manifest = std::move(manifest);
  return release;
}

Finding Updater::check(milliseconds budget, std::optional<std::int64_t> wanted) {
  const auto end = Clock::now() + budget;
  const UpdateState before = with_journal(state());
  UpdateState after = before;
  if (!after.last_check || !is_of(*after.last_check, options_)) {
    after.last_check = LastCheck{};
    after.last_check->channel = options_.channel;
    after.last_check->url = options_.source.url;
  }
  after.last_check->error.clear();
  try {
    auto finding = decided(ask(after, end, wanted), before, wanted);
    remember(before, after);
    tell(finding, after);
    return finding;
  } catch (const Error& error) {
    after.last_check->error = error.what();
    remember(before, after);
    throw;
  }
}

/// What cannot be remembered is asked for again: that costs a request, and the floors are in the
/// journal as well.
void Updater::remember(const UpdateState& before, const UpdateState& after) const {
  const bool beside = options_.cache.empty() || is_writable(installation_.directory());
  const auto file = beside ? installation_.state_file() : options_.cache;
  if (says_the_same(before, after) && utimensat(AT_FDCWD, file.c_str(), nullptr, 0) == 0) return;
  try {
    std::optional<Installation::Lock> lock;
    if (beside) lock = installation_.lock(milliseconds{0});
    UpdateState state = beside ? read_update_state(file) : UpdateState{};
    state.last_check = after.last_check;
    state.last_check->time_us = wall_time_us();
    for (const auto& [channel, floors] : after.floors) {
      state.floors[channel].seq = std::max(state.floors[channel].seq, floors.seq);
      state.floors[channel].build = std::max(state.floors[channel].build, floors.build);
    }
    write_update_state(file, state);
  } catch (const Error&) {
    return;
  }
}

std::optional<Finding> Updater::known() const {
  const UpdateState state = with_journal(this->state());
  if (!state.last_check || state.last_check->object.empty() || !is_of(*state.last_check, options_))
    return std::nullopt;
  try {
    return decided(verified(state.last_check->object), state, std::nullopt);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::int64_t Updater::last_check_us() const {
  const UpdateState state = this->state();
  if (!state.last_check) return 0;
  std::int64_t time_us = state.last_check->time_us;
  for (const auto& file : {installation_.state_file(), options_.cache}) {
    const auto written_us = modified_us(file);
    if (written_us <= wall_time_us()) time_us = std::max(time_us, written_us);
  }
  return time_us;
}

// Telling.

void Updater::tell(const UpdateNote& note, const UpdateState& state) const {
  if (hooks_.note) hooks_.note(note, state.floors);
}

void Updater::tell(const Finding& finding, const UpdateState& state) const {
  const auto& decision = finding.decision;
  const UpdateNote note{.event = {},
                        .build = finding.release.manifest.build,
                        .from = options_.build,
                        .release = finding.release,
                        .once = true};
  const auto tell_as = [&](const char* event, const std::string& why) {
    UpdateNote told = note;
    told.event = event;
    told.why = why;
    tell(told, state);
  };
  if (decision.verdict == Verdict::go_back) {
    UpdateNote withdrawn = note;
    withdrawn.event = "withdrawn";
    withdrawn.build = options_.build;
    withdrawn.from = 0;
    withdrawn.why = decision.why;
    tell(withdrawn, state);
  } else if (decision.verdict == Verdict::floor_refused) {
    tell_as("refused", decision.why);
  } else if (is_offer(decision.verdict) && note.build > options_.build) {
    tell_as("available", {});
  }
}

}  // namespace converge::updater
