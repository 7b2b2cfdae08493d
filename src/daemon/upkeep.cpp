#include "src/daemon/upkeep.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/engine/keep.h"
#include "src/engine/witness.h"

#include <fmt/core.h>

#include <cstdlib>
#include <utility>

namespace converge::daemon {

namespace {

// In seconds.
constexpr int kFlushes = 5;
constexpr int kWitnesses = 600;
constexpr int kArchives = 3600;

/// More is no slewing by a time service, which moves a clock by half a millisecond a second.
constexpr std::int64_t kStepUs = 1'000'000;

std::int64_t steady_time_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch())
      .count();
}

}  // namespace

/// A process that is held up between the two would take that for a step of the wall clock.
Upkeep::Clocks Upkeep::read_clocks() {
  for (;;) {
    const std::int64_t before_us = steady_time_us();
    const Clocks clocks{.wall_us = wall_time_us(), .steady_us = steady_time_us()};
    if (clocks.steady_us - before_us < kStepUs / 10) return clocks;
  }
}

Upkeep::Upkeep(const config::Config& config, journal::Journal& journal,
               std::function<void()> every_second)
    : config_(config),
      journal_(journal),
      every_second_(std::move(every_second)),
      clocks_(read_clocks()) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

template <typename Action>
void Upkeep::try_to(const char* what, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    log(LogLevel::error, what, {{"error", error.what()}});
  }
}

void Upkeep::check_clock() {
  const Clocks before = std::exchange(clocks_, read_clocks());
  const std::int64_t stepped_us =
      (clocks_.wall_us - before.wall_us) - (clocks_.steady_us - before.steady_us);
  if (std::abs(stepped_us) < kStepUs) return;
  log(LogLevel::warning, "the wall clock was set", {{"stepped_ms", stepped_us / 1000}});
  journal::PassId none;
  journal_.append(none, {.kind = journal::Kind::clock,
                         .detail = fmt::format(R"({{"stepped_us":{}}})", stepped_us)});
}

void Upkeep::archive() {
  if (const auto done = engine::keep_journal(config_, "daemon")) log(LogLevel::info, *done);
}

void Upkeep::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (int second = 1;; ++second) {
    never_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
    if (stop.stop_requested()) return;
    every_second_();
    try_to("the step of the clock is not in the journal", [this] { check_clock(); });
    if (second % kFlushes == 0) {
      try_to("the last passes are not in the journal", [this] { journal_.flush(); });
    }
    if (second % kWitnesses == 0) engine::witness_head(config_.journal);
    if (second % kArchives == 0) {
      try_to("old entries of the journal stay where they are", [this] { archive(); });
    }
  }
}

}  // namespace converge::daemon
