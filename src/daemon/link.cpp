#include "src/daemon/link.h"

#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <poll.h>
#include <random>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace converge::daemon {

namespace {

using std::chrono::milliseconds;

/// How often ownership is looked at: a dead host's units are taken over within two of these.
constexpr milliseconds kTick{1'000};

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{500};  // The first pass comes within a second of the server.

std::string owner_lock(const Unit& unit) {
  return fmt::format("owner of {} {}/{}", unit.converger, unit.shard, unit.shards);
}

std::string presence_lock(const std::string& converger) { return "daemons of " + converger; }

std::vector<std::string> difference(const std::set<std::string>& names,
                                    const std::set<std::string>& others) {
  std::vector<std::string> rest;
  std::set_difference(names.begin(), names.end(), others.begin(), others.end(),
                      std::back_inserter(rest));
  return rest;
}

milliseconds pause_after(int attempts) {
  thread_local std::minstd_rand generator(std::random_device{}());
  const auto ceiling = std::min(kFirstPause * (1 << std::min(attempts, 10)), kLongestPause);
  return milliseconds(
      std::uniform_int_distribution<std::int64_t>(ceiling.count() / 2, ceiling.count())(generator));
}

}  // namespace

Link::Link(postgres::ConnectOptions options, LinkEvents events)
    : options_(std::move(options)),
      events_(std::move(events)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw Error(ErrorKind::failure, "eventfd: " + system_reason(errno));
}

Link::~Link() {
  stop();
  ::close(wake_);
}

void Link::stop() {
  thread_.request_stop();
  suspect();
  if (thread_.joinable()) thread_.join();
}

void Link::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Link::set(std::vector<Unit> units, std::set<std::string> channels) {
  {
    const std::lock_guard lock(mutex_);
    units_ = std::move(units);
    channels_ = std::move(channels);
  }
  suspect();
}

void Link::be_able(bool able) {
  {
    const std::lock_guard lock(mutex_);
    if (able_ == able) return;
    able_ = able;
  }
  suspect();
}

void Link::hold_back(std::set<std::string> convergers) {
  const std::lock_guard lock(back_mutex_);
  if (to_hold_back_ != convergers) suspect();
  to_hold_back_ = std::move(convergers);
  const std::vector<std::string> over = difference(held_back_, to_hold_back_);
  for (const std::string& name : over) held_back_.erase(name);
  try {
    if (const auto held = locks()) held->locks.release_many(over);
  } catch (const Error&) {
    // The connection is gone, and the locks with it.
  }
}

std::shared_ptr<LockConnection> Link::locks() const {
  const std::lock_guard lock(mutex_);
  return locks_;
}

void Link::suspect() {
  const std::uint64_t one = 1;
  // Full only when it is awake already.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

/// Whether it was asked to look, and did not just wait.
bool Link::wait(int descriptor, milliseconds at_most) {
  std::array<pollfd, 2> sources = {pollfd{.fd = wake_, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = descriptor, .events = POLLIN, .revents = 0}};
  ::poll(sources.data(), sources.size(), static_cast<int>(std::max<long>(at_most.count(), 0)));
  std::uint64_t count = 0;
  return ::read(wake_, &count, sizeof count) > 0;
}

void Link::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    last_seen_ = Clock::now();
    try {
      keep_up();
      serve(stop);
    } catch (const Error& error) {
      drop(error);
      wait(-1, pause_after(attempts_++));
    }
  }
  last_seen_ = Clock::time_point::max();
}

void Link::keep_up() {
  if (!locks()) connect_locks();
  if (!listener_) connect_listener();
  attempts_ = 0;
  events_.connected();
}

void Link::connect_locks() {
  auto connection = std::make_shared<LockConnection>(options_);
  if (connection->session.server().in_recovery) {
    throw Error(ErrorKind::transient,
                connection->session.server().place + " is a standby; waiting for a primary", {},
                "25006");
  }
  events_.recover(*connection);
  const std::lock_guard lock(mutex_);
  locks_ = std::move(connection);
}

void Link::connect_listener() {
  listener_ = std::make_unique<postgres::Session>(options_);
  listening_.clear();
  listen();
}

/// Listens to the channels as they are wanted now, and returns those that are new.
std::vector<std::string> Link::listen() {
  std::set<std::string> channels;
  {
    const std::lock_guard lock(mutex_);
    channels = channels_;
  }
  if (channels == listening_) return {};
  std::vector<std::string> added = difference(channels, listening_);
  std::string statements;
  for (const auto& channel : added) statements += "listen " + postgres::quote_name(channel) + ";";
  for (const auto& channel : difference(listening_, channels)) {
    statements += "unlisten " + postgres::quote_name(channel) + ";";
  }
  listener_->execute(statements);
  listening_ = std::move(channels);
  return added;
}

void Link::serve(const std::stop_token& stop) {
  auto tick = Clock::now();
  while (!stop.stop_requested()) {
    const auto left = std::chrono::ceil<milliseconds>(tick - Clock::now());
    if (left.count() <= 0) {
      locks()->locks.check();
      // What was told there before was not heard.
      for (const auto& channel : listen()) events_.notified(channel, "");
      share_out();
      take_back();
      tick = Clock::now() + kTick;
      continue;
    }
    if (wait(listener_->descriptor(), left)) tick = Clock::now();
    last_seen_ = Clock::now();
    for (const auto& [channel, payload] : listener_->take_notifications()) {
      events_.notified(channel, payload);
    }
  }
}

/// Keeps what still stands: where the listener is lost, the locks may not be.
void Link::drop(const Error& why) {
  if (listener_ && !listener_->is_open()) listener_.reset();
  if (listener_ || !has_locks()) drop_locks();
  events_.lost(why);
}

bool Link::has_locks() const {
  try {
    if (const auto held = locks()) {
      held->locks.check();
      return true;
    }
  } catch (const Error&) {
    // Gone, as it says.
  }
  return false;
}

void Link::drop_locks() {
  {
    const std::lock_guard lock(mutex_);
    locks_.reset();  // Passes that use it end by themselves.
  }
  {
    const std::lock_guard lock(back_mutex_);
    held_back_.clear();
  }
  present_.clear();
  for (const Unit& unit : std::exchange(owned_, {})) events_.owns(unit, false);
}

/// Takes the units that nobody owns, and gives back what is not this host's to keep.
void Link::share_out() {
  std::vector<Unit> units;
  bool able = false;
  {
    const std::lock_guard lock(mutex_);
    units = units_;
    able = able_;
  }
  if (!able) units.clear();
  std::vector<Unit> surplus;
  std::copy_if(owned_.begin(), owned_.end(), std::back_inserter(surplus), [&](const Unit& unit) {
    return std::find(units.begin(), units.end(), unit) == units.end();
  });
  give(surplus);
  std::map<std::string, std::vector<Unit>> by_converger;
  for (const Unit& unit : units) by_converger[unit.converger].push_back(unit);
  for (const std::string& gone : absent(by_converger)) {
    locks()->locks.release(presence_lock(gone));
    present_.erase(gone);
  }
  std::vector<Unit> wanted;
  for (const auto& [converger, shards] : by_converger) share_out(converger, shards, wanted);
  take(wanted);
}

/// The convergers whose shards this daemon does not share any more.
std::vector<std::string> Link::absent(
    const std::map<std::string, std::vector<Unit>>& by_converger) const {
  std::vector<std::string> gone;
  std::copy_if(present_.begin(), present_.end(), std::back_inserter(gone),
               [&](const auto& name) { return !by_converger.contains(name); });
  return gone;
}

/// Adds to `wanted` what this host may take of a converger's units.
void Link::share_out(const std::string& converger, const std::vector<Unit>& units,
                     std::vector<Unit>& wanted) {
  std::vector<Unit> mine;
  std::vector<Unit> others;
  std::partition_copy(units.begin(), units.end(), std::back_inserter(mine),
                      std::back_inserter(others),
                      [&](const Unit& unit) { return owned_.contains(unit); });
  std::size_t part = units.size();
  if (units.size() > 1) {
    auto& locks = this->locks()->locks;
    const std::string presence = presence_lock(converger);
    if (present_.insert(converger).second) locks.acquire_shared(presence, milliseconds(0));
    const auto hosts = static_cast<std::size_t>(std::max(locks.count_holders(presence).shared, 1));
    part = (units.size() + hosts - 1) / hosts;
  }
  if (mine.size() > part) {
    give({mine.begin() + static_cast<std::ptrdiff_t>(part), mine.end()});
    return;
  }
  const std::size_t room = std::min(part - mine.size(), others.size());
  // Two hosts that begin together look at different ones first.
  std::shuffle(others.begin(), others.end(), random_);
  wanted.insert(wanted.end(), others.begin(), others.begin() + static_cast<std::ptrdiff_t>(room));
}

/// Where a pass is still at it, the next tick asks again.
void Link::take_back() {
  const std::lock_guard lock(back_mutex_);
  const std::vector<std::string> names = difference(to_hold_back_, held_back_);
  if (names.empty()) return;
  const std::vector<bool> taken = locks()->locks.acquire_many(names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (taken[i]) held_back_.insert(names[i]);
  }
}

void Link::take(const std::vector<Unit>& units) {
  if (units.empty()) return;
  std::vector<std::string> names;
  std::transform(units.begin(), units.end(), std::back_inserter(names), owner_lock);
  const std::vector<bool> taken = locks()->locks.acquire_many(names);
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (!taken[i]) continue;
    owned_.insert(units[i]);
    events_.owns(units[i], true);
  }
}

/// A pass that runs ends by itself, under the lock of the pass.
void Link::give(const std::vector<Unit>& units) {
  if (units.empty()) return;
  std::vector<std::string> names;
  std::transform(units.begin(), units.end(), std::back_inserter(names), owner_lock);
  for (const Unit& unit : units) {
    owned_.erase(unit);
    events_.owns(unit, false);
  }
  locks()->locks.release_many(names);
}

}  // namespace converge::daemon
