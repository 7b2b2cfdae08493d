#include "src/cli/trial_verdict.h"

#include "journal/journal.h"
#include "journal/reader.h"
#include "src/base/process.h"
#include "src/cli/detail_text.h"
#include "src/cli/output.h"

#include <string_view>

namespace converge::cli {

namespace {

constexpr std::string_view kHealthy = "healthy";
constexpr std::string_view kFailing = "failing";

}  // namespace

std::optional<TrialVerdict> told_verdict(const std::filesystem::path& journal,
                                         const updater::Trial& trial) {
  std::error_code error;
  if (!std::filesystem::exists(journal, error)) return std::nullopt;
  std::optional<TrialVerdict> verdict;
  const auto visit = [&](const journal::StoredEntry& stored) {
    if (stored.build != trial.build) return;
    const auto detail = parse_detail(stored.entry.detail);
    const auto event = member_text(detail, "event");
    if (event != kHealthy && event != kFailing) return;
    if (member_text(detail, "build") != std::to_string(trial.build)) return;
    if (verdict && verdict->is_healthy) return;
    verdict = TrialVerdict{.is_healthy = event == kHealthy, .why = member_text(detail, "why")};
  };
  journal::Reader(journal).newest(
      {.kinds = {journal::Kind::update}, .since_us = trial.since_us, .newest = 1'000}, visit);
  return verdict;
}

void tell_verdict(const std::filesystem::path& journal, const updater::Trial& trial,
                  const TrialVerdict& verdict) {
  const auto told = told_verdict(journal, trial);
  if (told && told->is_healthy >= verdict.is_healthy) return;
  journal::Journal writer(journal, current_actor(), [](const auto& text) { print_notice(text); });
  writer.append_update({.event = std::string(verdict.is_healthy ? kHealthy : kFailing),
                        .build = trial.build,
                        .why = verdict.why});
}

}  // namespace converge::cli
