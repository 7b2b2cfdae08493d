#include "src/postgres/advisory_lock.h"

#include "src/base/clock.h"
#include "src/base/digest.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

namespace converge::postgres {

namespace {

constexpr std::chrono::milliseconds kBetweenTries{50};

/// What the clock can add to the time of day.
constexpr std::chrono::hours kLongestWait{24 * 366};

constexpr int kLockClass = 0x434e5647;  // "CNVG"

/// The first four bytes of the SHA-256 of a name.
std::uint32_t lock_key(const std::string& name) {
  const Digest digest = sha256(name);
  return std::uint32_t{digest[0]} << 24U | std::uint32_t{digest[1]} << 16U |
         std::uint32_t{digest[2]} << 8U | std::uint32_t{digest[3]};
}

std::string call(std::string_view function, const std::string& name) {
  return fmt::format("{}({}, {})", function, kLockClass, static_cast<std::int32_t>(lock_key(name)));
}

void append_call(std::string& select, std::string_view function, const std::string& name) {
  select += (select.empty() ? "select " : ", ") + call(function, name);
}

}  // namespace

std::vector<bool> AdvisoryLocks::try_acquire(const std::vector<std::string>& names, Mode mode) {
  const std::lock_guard lock(mutex_);
  std::string select;
  std::vector<std::size_t> asked;
  std::vector<bool> got(names.size(), false);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto begin = names.begin();
    const bool twice = std::find(begin, begin + static_cast<std::ptrdiff_t>(i), names[i]) !=
                       begin + static_cast<std::ptrdiff_t>(i);
    if (twice || held_.contains(names[i])) continue;
    append_call(select,
                mode == Mode::shared ? "pg_try_advisory_lock_shared" : "pg_try_advisory_lock",
                names[i]);
    asked.push_back(i);
  }
  if (asked.empty()) return got;
  const Rows row = session_.execute(select);
  for (std::size_t column = 0; column < asked.size(); ++column) {
    if (row.at(0, column) != "t") continue;
    got[asked[column]] = true;
    held_.emplace(names[asked[column]], mode);
  }
  return got;
}

bool AdvisoryLocks::acquire(const std::string& name, Mode mode, std::chrono::milliseconds wait) {
  const auto deadline = Clock::now() + std::min<std::chrono::milliseconds>(wait, kLongestWait);
  while (!try_acquire({name}, mode).front()) {
    const auto now = Clock::now();
    if (now >= deadline) return false;
    std::this_thread::sleep_for(std::min<Clock::duration>(kBetweenTries, deadline - now));
  }
  return true;
}

bool AdvisoryLocks::acquire(const std::string& name, std::chrono::milliseconds wait) {
  return acquire(name, Mode::exclusive, wait);
}

bool AdvisoryLocks::acquire_shared(const std::string& name, std::chrono::milliseconds wait) {
  return acquire(name, Mode::shared, wait);
}

std::vector<bool> AdvisoryLocks::acquire_many(const std::vector<std::string>& names) {
  return try_acquire(names, Mode::exclusive);
}

void AdvisoryLocks::release_many(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  std::string select;
  for (const std::string& name : names) {
    const auto held = held_.find(name);
    if (held == held_.end()) continue;
    append_call(select,
                held->second == Mode::shared ? "pg_advisory_unlock_shared" : "pg_advisory_unlock",
                name);
    held_.erase(held);
  }
  if (!select.empty()) session_.execute(select);
}

LockHolders AdvisoryLocks::count_holders(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const Rows row = session_.execute(fmt::format(
      "select count(*) filter (where mode = 'ExclusiveLock'), "
      "count(*) filter (where mode = 'ShareLock') from pg_locks join pg_database d on "
      "d.oid = pg_locks.database where locktype = 'advisory' and granted and objsubid = 2 and "
      "datname = current_database() and classid = {} and objid = {}",
      kLockClass, lock_key(name)));
  return {.exclusive = std::stoi(std::string(row.at(0, 0).value_or("0"))),
          .shared = std::stoi(std::string(row.at(0, 1).value_or("0")))};
}

void AdvisoryLocks::check() {
  const std::lock_guard lock(mutex_);
  session_.check_alive();
}

HeldLocks::~HeldLocks() {
  try {
    locks_.release_many(names_);
  } catch (const Error&) {
    // The connection is gone, and the locks with it.
  }
}

bool HeldLocks::add(const std::string& name, std::chrono::milliseconds wait) {
  if (!locks_.acquire(name, wait)) return false;
  names_.push_back(name);
  return true;
}

std::vector<bool> HeldLocks::add_many(const std::vector<std::string>& names) {
  std::vector<bool> got = locks_.acquire_many(names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (got[i]) names_.push_back(names[i]);
  }
  return got;
}

}  // namespace converge::postgres
