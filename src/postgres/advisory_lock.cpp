#include "src/postgres/advisory_lock.h"

#include "src/base/digest.h"

#include <fmt/core.h>

#include <algorithm>

namespace converge::postgres {

namespace {

/// PostgreSQL counts a timeout's milliseconds in 31 bits.
constexpr std::chrono::hours kLongestWait{24 * 24};

constexpr int kLockClass = 0x434e5647;  // "CNVG"

/// `CLASS, KEY` for a name: the first four bytes of its SHA-256.
std::string lock_key(const std::string& name) {
  const Digest digest = sha256(name);
  const std::uint32_t key = std::uint32_t{digest[0]} << 24U | std::uint32_t{digest[1]} << 16U |
                            std::uint32_t{digest[2]} << 8U | std::uint32_t{digest[3]};
  return fmt::format("{}, {}", kLockClass, static_cast<std::int32_t>(key));
}

}  // namespace

bool AdvisoryLocks::acquire(const std::string& name, std::chrono::milliseconds wait) {
  const std::string key = lock_key(name);
  if (session_.execute(fmt::format("select pg_try_advisory_lock({})", key)).at(0, 0) == "t") {
    return true;
  }
  if (wait <= std::chrono::milliseconds(0)) return false;
  wait = std::min<std::chrono::milliseconds>(wait, kLongestWait);
  session_.set_statement_timeout(wait + std::chrono::seconds(10));
  try {
    // One implicit transaction, so that the timeout is undone at its end.
    session_.execute(
        fmt::format("begin; set local lock_timeout = {}; select pg_advisory_lock({}); "
                    "commit",
                    wait.count(), key));
    return true;
  } catch (const Error& error) {
    if (!session_.is_open()) throw;
    session_.execute("rollback");
    if (error.sqlstate() != "55P03") throw;
    return false;
  }
}

void AdvisoryLocks::release(const std::string& name) {
  session_.execute(fmt::format("select pg_advisory_unlock({})", lock_key(name)));
}

HeldLocks::~HeldLocks() {
  try {
    for (const std::string& name : names_) locks_.release(name);
  } catch (const Error&) {
    // The connection is gone, and the locks with it.
  }
}

bool HeldLocks::add(const std::string& name, std::chrono::milliseconds wait) {
  if (!locks_.acquire(name, wait)) return false;
  names_.push_back(name);
  return true;
}

}  // namespace converge::postgres
