#include "src/postgres/advisory_lock.h"

#include "src/base/clock.h"
#include "src/base/digest.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace converge::postgres {

namespace {

constexpr std::chrono::milliseconds kBetweenTries{50};

/// What the clock can add to the time of day.
constexpr std::chrono::hours kLongestWait{24 * 366};

constexpr std::uint32_t kLockClass = 0x434e5647;  // "CNVG"

/// The first four bytes of the SHA-256 of a name.
std::uint32_t lock_key(const std::string& name) {
  const Digest digest = sha256(name);
  return std::uint32_t{digest[0]} << 24U | std::uint32_t{digest[1]} << 16U |
         std::uint32_t{digest[2]} << 8U | std::uint32_t{digest[3]};
}

}  // namespace

AdvisoryLocks::Key AdvisoryLocks::key_of(const std::string& name) {
  return {.group = kLockClass, .number = lock_key(name)};
}

std::string AdvisoryLocks::call(std::string_view function, const Key& key) {
  return fmt::format("{}({}, {})", function, static_cast<std::int32_t>(key.group),
                     static_cast<std::int32_t>(key.number));
}

std::vector<bool> AdvisoryLocks::try_acquire(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  std::string select;
  std::vector<std::size_t> asked;
  std::vector<bool> got(names.size(), false);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto begin = names.begin();
    const bool twice = std::find(begin, begin + static_cast<std::ptrdiff_t>(i), names[i]) !=
                       begin + static_cast<std::ptrdiff_t>(i);
    if (twice || held_.contains(names[i])) continue;
    select += select.empty() ? "select " : ", ";
    select += call("pg_try_advisory_lock", key_of(names[i]));
    asked.push_back(i);
  }
  if (asked.empty()) return got;
  const Rows row = session_.execute(select);
  for (std::size_t column = 0; column < asked.size(); ++column) {
    if (row.at(0, column) != "t") continue;
    const std::string& name = names[asked[column]];
    got[asked[column]] = true;
    held_.emplace(name, Held{.key = key_of(name)});
  }
  return got;
}

/// With the mutex held. One lock in the server, however often it is shared here.
bool AdvisoryLocks::try_share(const std::string& name, const Key& key) {
  if (const auto held = held_.find(name); held != held_.end()) {
    if (held->second.mode != Mode::shared) return false;
    ++held->second.times;
    return true;
  }
  const Rows row = session_.execute("select " + call("pg_try_advisory_lock_shared", key));
  if (row.at(0, 0) != "t") return false;
  held_.emplace(name, Held{.key = key, .mode = Mode::shared});
  return true;
}

bool AdvisoryLocks::acquire(const std::string& name, Mode mode, std::chrono::milliseconds wait) {
  const auto deadline = Clock::now() + std::min<std::chrono::milliseconds>(wait, kLongestWait);
  const auto got = [&] {
    if (mode == Mode::exclusive) return bool(try_acquire({name}).front());
    const std::lock_guard lock(mutex_);
    return try_share(name, key_of(name));
  };
  while (!got()) {
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
  return try_acquire(names);
}

std::string AdvisoryLocks::take_for_transaction(Session& session, const std::string& name) {
  const std::string statement = "converge_lock_" + std::to_string(key_of(name).number);
  // A failed cast ends the transaction before the statements that were sent along with this one.
  session.prepare(statement,
                  fmt::format("select case when {} then 0 else (current_setting('application_name')"
                              " || ': another pass of {} is running')::int end",
                              call("pg_try_advisory_xact_lock", key_of(name)), name));
  return "execute " + statement;
}

std::string AdvisoryLocks::variant_name(const std::string& name, int variant) {
  return fmt::format("{} in variant {}", name, variant);
}

/// Looks for others once it has its own, so that of two that ask at once one sees the other.
bool AdvisoryLocks::acquire_variant(const std::string& name, int variant) {
  const std::lock_guard lock(mutex_);
  const Key key{.group = lock_key("variants of " + name),
                .number = static_cast<std::uint32_t>(variant)};
  const std::string own = variant_name(name, variant);
  if (!try_share(own, key)) return false;
  const Rows others = session_.execute(fmt::format(
      "select exists (select from pg_locks join pg_database d on d.oid = pg_locks.database"
      " where locktype = 'advisory' and granted and objsubid = 2"
      " and datname = current_database() and classid = {} and objid <> {})",
      key.group, key.number));
  if (others.at(0, 0) == "f") return true;
  give_back({own});
  return false;
}

void AdvisoryLocks::release_many(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  give_back(names);
}

void AdvisoryLocks::give_back(const std::vector<std::string>& names) {
  std::string select;
  for (const std::string& name : names) {
    const auto held = held_.find(name);
    if (held == held_.end() || --held->second.times > 0) continue;
    select += select.empty() ? "select " : ", ";
    select +=
        call(held->second.mode == Mode::shared ? "pg_advisory_unlock_shared" : "pg_advisory_unlock",
             held->second.key);
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
    clear();
  } catch (const Error&) {
    // The connection is gone, and the locks with it.
  }
}

bool HeldLocks::add(const std::string& name, std::chrono::milliseconds wait) {
  if (!locks_.acquire(name, wait)) return false;
  names_.push_back(name);
  return true;
}

void HeldLocks::clear() { locks_.release_many(std::exchange(names_, {})); }

bool HeldLocks::add_shared(const std::string& name) {
  if (!locks_.acquire_shared(name, std::chrono::milliseconds(0))) return false;
  names_.push_back(name);
  return true;
}

bool HeldLocks::add_variant(const std::string& name, int variant) {
  if (!locks_.acquire_variant(name, variant)) return false;
  names_.push_back(AdvisoryLocks::variant_name(name, variant));
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
