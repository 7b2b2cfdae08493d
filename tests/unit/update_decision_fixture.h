#pragma once

#include "updater/decision.h"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace converge::updater {

/// For Boost.Test, which looks here.
inline std::ostream& boost_test_print_type(std::ostream& stream, Verdict verdict) {
  return stream << name_of(verdict);
}

inline constexpr std::int64_t kSecond = 1'000'000;
inline constexpr std::int64_t kHour = 3'600 * kSecond;
inline constexpr std::int64_t kStart = 1'795'342'500 * kSecond;  // 2026-11-22T10:15:00Z

/// Build 123 for everybody; a host on build 121 that could go back to 120.
inline ReleaseManifest manifest() {
  return {.product = "converge",
          .channel = "stable",
          .seq = 7,
          .build = 123,
          .commit = "0123abcd4567",
          .built_us = kStart - kHour,
          .issued_us = kStart,
          .expires_us = kStart + 90 * 24 * kHour,
          .min_build = 0,
          .withdrawn = {},
          .rollout = {.start_us = kStart, .percent_per_hour = 100, .paused = false},
          .artifacts = {{.platform = "linux-amd64", .path = "a", .size_bytes = 1, .sha256 = "0"},
                        {.platform = "linux-arm64", .path = "b", .size_bytes = 1, .sha256 = "0"}}};
}

inline Situation situation() {
  return {.build = 121,
          .build_time_us = kStart - 100 * kHour,
          .channel = "stable",
          .platform = "linux-amd64",
          .floors = {.seq = 7, .build = 121},
          .quarantined = {},
          .previous_build = 120,
          .trial = {},
          .bucket = 50,
          .now_us = kStart + kHour,
          .wanted = {},
          .forced = false};
}

using M = ReleaseManifest;
using S = Situation;

/// A claim: what is decided after a change of manifest and situation.
struct Row {
  const char* claim;
  std::function<void(M&, S&)> change;
  Verdict verdict;
  std::int64_t build;
  const char* why;  // A part of it.
};

inline void check(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.claim) {
      auto m = manifest();
      auto s = situation();
      row.change(m, s);
      const auto decision = decide(m, s);
      BOOST_TEST(decision.verdict == row.verdict);
      BOOST_TEST(decision.build == row.build);
      BOOST_TEST(decision.why.find(row.why) != std::string::npos, decision.why);
      BOOST_TEST(decision.warnings.empty());
      BOOST_TEST(decision.opens_us.has_value() == (row.verdict == Verdict::wait_for_rollout));
    }
  }
}

inline Trial trial_of(std::int64_t build) {
  return {.build = build, .previous = 119, .since_us = kStart, .starts = 1};
}

inline QuarantinedBuild quarantine_of(std::int64_t build) {
  return {.build = build, .since_us = kStart, .why = "exit status 1"};
}

}  // namespace converge::updater
