#include "src/engine/verdict.h"

#include "src/postgres/session.h"

#include <algorithm>
#include <random>

namespace converge::engine {

namespace {

constexpr int kAttempts = 6;
constexpr int kLockAttempts = 2;  // Each has waited for lock_timeout already.

}  // namespace

Verdict judge(const Error& error, std::size_t subjects, int attempt, bool halved) {
  const bool locked = error.sqlstate() == "55P03";
  if (locked && !halved && attempt < kLockAttempts) return Verdict::retry;
  if (locked || postgres::is_about_data(error)) {
    return subjects > 1 ? Verdict::halve : Verdict::isolate;
  }
  if (error.kind() == ErrorKind::transient && attempt < kAttempts) return Verdict::retry;
  return Verdict::give_up;
}

std::chrono::milliseconds backoff(int attempt) {
  thread_local std::minstd_rand generator(std::random_device{}());
  const int ceiling = std::min(50 << std::min(attempt - 1, 10), 5'000);
  return std::chrono::milliseconds(
      std::uniform_int_distribution<int>(ceiling / 2, ceiling)(generator));
}

}  // namespace converge::engine
