#include "src/daemon/probation.h"

#include <fmt/format.h>

#include <algorithm>

namespace converge::daemon {

namespace {

using engine::PassSign;

/// Other hosts take what a dead one owned within two seconds: by then it is known who runs what.
constexpr std::chrono::seconds kSettled{5};

constexpr int kEnoughFailures = 2;

Judgement failing(std::string why) {
  return {.kind = Judgement::Kind::failing, .why = std::move(why)};
}

}  // namespace

void Probation::ended(const engine::PassResult& result) {
  Record& record = records_[result.converger];
  PassSign sign = engine::sign_of(result);
  // Those in quarantine are tried again now and then, and fail again.
  const auto before = before_.find(result.converger);
  const bool may_fail = before != before_.end() && before->second.quarantined;
  if (sign == PassSign::badly && !result.error && may_fail) sign = PassSign::neither;
  record.last_was_bad = sign == PassSign::badly;
  switch (sign) {
    case PassSign::well:
      ++record.well;
      break;
    case PassSign::badly:
      ++record.badly;
      record.error = result.error ? result.error->what() : "each subject failed";
      break;
    case PassSign::neither:
      ++record.neither;
      break;
  }
}

bool Probation::is_excused(const std::string& converger) const {
  const auto before = before_.find(converger);
  return before != before_.end() && before->second.failed;
}

Probation::Record Probation::record_of(const std::string& converger) const {
  const auto record = records_.find(converger);
  return record == records_.end() ? Record{} : record->second;
}

Judgement Probation::judge(const ProbationView& view, Time now) {
  if (!view.has_database || !view.has_journal) {
    able_since_.reset();
    return {.kind = Judgement::Kind::waiting};
  }
  if (!able_since_) {
    able_since_ = now;
    end_ = now + length_;
  }
  std::set<std::string> judged;
  for (const std::string& converger : view.own) {
    if (!is_excused(converger)) judged.insert(converger);
  }
  Judgement early = judge_early(judged, view, now);
  if (early.kind != Judgement::Kind::open || now < end_) return early;
  return judge_at_end(judged, view);
}

Judgement Probation::judge_early(const std::set<std::string>& judged, const ProbationView& view,
                                 Time now) const {
  if (judged.empty() || !(view.owns_all || now - *able_since_ >= kSettled)) return {};
  const bool is_good = std::all_of(judged.begin(), judged.end(), [this](const auto& converger) {
    const Record record = record_of(converger);
    return record.well > 0 && !record.last_was_bad;
  });
  if (is_good) return {.kind = Judgement::Kind::healthy};
  const bool is_bad = std::all_of(judged.begin(), judged.end(), [this](const auto& converger) {
    const Record record = record_of(converger);
    return record.well == 0 && record.badly >= kEnoughFailures;
  });
  if (!is_bad) return {};
  const Record first = record_of(*judged.begin());
  return failing(fmt::format("all passes fail: {}: {}", *judged.begin(), first.error));
}

Judgement Probation::judge_at_end(const std::set<std::string>& judged,
                                  const ProbationView& view) const {
  std::string silent;
  for (const std::string& converger : judged) {
    const Record record = record_of(converger);
    if (record.well > 0) continue;
    if (record.badly > 0) {
      return failing(fmt::format("no pass of {} succeeds: {}", converger, record.error));
    }
    if (record.neither == 0) silent = converger;
  }
  const bool any_well = std::any_of(records_.begin(), records_.end(),
                                    [](const auto& one) { return one.second.well > 0; });
  if (any_well || silent.empty()) return {.kind = Judgement::Kind::healthy};
  if (view.is_running) return {.kind = Judgement::Kind::waiting};
  return failing(fmt::format("no pass of {} was run", silent));
}

}  // namespace converge::daemon
