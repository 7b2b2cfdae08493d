#include "src/daemon/pass_log.h"

#include "src/base/log.h"

#include <fmt/core.h>

#include <vector>

namespace converge::daemon {

namespace {

/// Failures of subjects that are told one by one; the journal has them all.
constexpr int kTold = 20;

LogLevel level_of(const engine::PassResult& result) {
  switch (result.outcome) {
    case engine::PassOutcome::failed:
      return result.error && result.error->kind() == ErrorKind::transient ? LogLevel::warning
                                                                          : LogLevel::error;
    case engine::PassOutcome::held:
      return LogLevel::warning;
    default:
      return LogLevel::info;
  }
}

/// A hold that stood already, a pause and a pass of somebody else's were told before.
bool is_worth_a_line(const engine::PassResult& result) {
  switch (result.outcome) {
    case engine::PassOutcome::converged:
    case engine::PassOutcome::failed:
    case engine::PassOutcome::interrupted:
      return true;
    case engine::PassOutcome::held:
      return result.pass != 0;
    default:
      return false;
  }
}

}  // namespace

engine::PassObserver PassLog::observer() {
  engine::PassObserver observer;
  observer.failed = [this](const auto& subject, const auto& label, const Error& error) {
    if (++failures_ > kTold) return;
    std::vector<LogField> fields = {{"converger", unit_.converger}, {"subject", subject}};
    if (!label.empty()) fields.emplace_back("label", label);
    if (!error.sqlstate().empty()) fields.emplace_back("sqlstate", error.sqlstate());
    fields.emplace_back("error", error.what());
    log(LogLevel::error, "subject failed", fields);
  };
  return observer;
}

void PassLog::result(const Job& job, const engine::PassResult& result) const {
  if (!is_worth_a_line(result)) return;
  std::vector<LogField> fields = {{"converger", unit_.converger}};
  if (unit_.shards > 1)
    fields.emplace_back("shard", fmt::format("{}/{}", unit_.shard, unit_.shards));
  fields.emplace_back("pass", result.pass);
  fields.emplace_back("examined", result.examined);
  fields.emplace_back("inconsistencies", result.inconsistencies);
  fields.emplace_back("changes", result.changes);
  fields.emplace_back("failed", result.failed);
  fields.emplace_back("duration_ms", result.duration.count());
  if (job.notified) fields.emplace_back("woken", "notify");
  if (result.hold) {
    fields.emplace_back("digest", result.hold->digest);
    fields.emplace_back("allowed", result.hold->allowed);
  }
  if (result.error) {
    fields.emplace_back("error", result.error->what());
    if (!result.error->hint().empty()) fields.emplace_back("hint", result.error->hint());
  }
  log(level_of(result), engine::name_of(result.outcome), fields);
}

}  // namespace converge::daemon
