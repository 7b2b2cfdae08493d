#include "src/engine/pass_state.h"

#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>

namespace converge::engine {

namespace {

/// Each costs a write; the next passes find the others.
constexpr std::size_t kFightsAtOnce = 100;
constexpr std::int64_t kFew = 100;

}  // namespace

void Slots::take() {
  std::unique_lock lock(mutex_);
  given_.wait(lock, [this] { return free_ > 0; });
  --free_;
}

void Slots::give() {
  {
    const std::lock_guard lock(mutex_);
    ++free_;
  }
  given_.notify_one();
}

PassState::PassState(const Converger& converger, PassContext& context)
    : converger_(converger),
      context_(context),
      slots_(converger.profile().settings.parallel),
      started_(Clock::now()),
      deadline_(started_ + converger.profile().settings.pass_timeout) {
  result_.converger = converger.profile().name;
  result_.complete = !is_narrowed() && !context.only_owed;
}

journal::DefinitionId PassState::definition() const {
  return {.name = converger_.profile().name, .version = converger_.profile().version};
}

postgres::Pool::Lease PassState::ready_session() {
  auto session = lease();
  converger_.prepare(*session);
  session->set_statement_timeout(statement_timeout());
  return session;
}

void PassState::require_locks() {
  try {
    context_.locks.check();
  } catch (const Error& error) {
    // Not to be retried: the locks are gone for good.
    throw Error(ErrorKind::failure, std::string("lost the lock of the pass: ") + error.what(),
                "What was committed stays; the next pass does the rest.", error.sqlstate());
  }
}

bool PassState::is_suspect(const Error& error) const {
  if (!trusts_inspection_ || error.kind() == ErrorKind::transient || error.sqlstate().empty()) {
    return false;
  }
  return has_done_nothing();
}

bool PassState::has_done_nothing() const {
  const std::lock_guard lock(mutex_);
  return pass_.id == 0 && result_.inconsistencies == 0 && result_.failed == 0;
}

bool PassState::is_over() const {
  return (context_.stop != nullptr && *context_.stop) || Clock::now() >= deadline_;
}

void PassState::require_time() const {
  if (!is_over()) return;
  const std::lock_guard lock(mutex_);
  const std::string done = fmt::format("{} of {} subjects examined", result_.examined, total_);
  if (context_.stop != nullptr && *context_.stop) {
    throw Error(ErrorKind::failure, fmt::format("interrupted: {}", done),
                "What was committed stays; the next pass does the rest.");
  }
  throw Error(ErrorKind::failure,
              fmt::format("the pass was not done within its pass_timeout of {}: {}",
                          format_duration(converger_.profile().settings.pass_timeout), done),
              "What was committed stays; the next pass does the rest. Raise `pass_timeout` if this "
              "is usual.");
}

Error PassState::why_cancelled(const Error& error) const {
  try {
    require_time();
  } catch (const Error& deadline) {
    return deadline;
  }
  return error;
}

void PassState::start_clock() {
  started_ = Clock::now();
  deadline_ = started_ + converger_.profile().settings.pass_timeout;
}

std::chrono::milliseconds PassState::statement_timeout() const {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
  return std::clamp(left, std::chrono::milliseconds(1), converger_.profile().settings.timeout);
}

void PassState::examined(std::size_t subjects) {
  const std::lock_guard lock(mutex_);
  result_.examined += static_cast<std::int64_t>(subjects);
  context_.observer.progress(result_.examined, total_);
}

void PassState::corrected(const journal::Inconsistency& record) {
  const std::lock_guard lock(mutex_);
  ++result_.inconsistencies;
  result_.changes += record.count;
  if (converger_.profile().settings.limit) digest_.add(record.subject);
  const bool fights = fought_.size() < kFightsAtOnce && suspects_.contains(record.subject);
  const auto note = [&](std::vector<journal::Inconsistency>& list) {
    list.push_back({.subject = record.subject, .label = record.label, .detail = {}});
  };
  if (fights || quarantine_.is_fight(record.subject)) note(fought_);
  if (result_.inconsistencies <= kFew) note(few_corrected_);
  if (result_.inconsistencies == kFew + 1) few_corrected_.clear();
  context_.observer.corrected(record);
}

void PassState::corrected(const std::vector<journal::Inconsistency>& records) {
  for (const journal::Inconsistency& record : records) corrected(record);
}

void PassState::awaited(const std::vector<journal::Inconsistency>& records) {
  const std::lock_guard lock(mutex_);
  for (const journal::Inconsistency& record : records) {
    ++awaited_;
    if (converger_.profile().settings.limit) digest_.add(record.subject);
  }
}

void PassState::given_up(const std::string& subject, const std::optional<std::string>& label,
                         const Error& error) {
  const std::lock_guard lock(mutex_);
  ++result_.failed;
  context_.observer.failed(subject, label.value_or(""), error);
}

std::string PassState::detail(const Error& error) const {
  return R"({"sqlstate":)" + json_string(error.sqlstate()) + R"(,"message":)" +
         json_string(message(error)) + "}";
}

void PassState::changed_further(std::int64_t changes) {
  const std::lock_guard lock(mutex_);
  result_.changes += changes;
}

std::vector<std::optional<journal::LastOutside>> PassState::last_outside(
    const OutsideStep& step, const Subjects& subjects) const {
  std::vector<std::string> keys;
  keys.reserve(subjects.size());
  for (std::size_t row = 0; row < subjects.size(); ++row) keys.emplace_back(subjects.key(row));
  const std::string& name = converger_.profile().name;
  return context_.journal != nullptr
             ? context_.journal->last_outside(name, step.settings().title, keys)
             : context_.last_outside(step.settings().title, keys);
}

journal::Quarantined PassState::quarantined(const Subjects& subjects, std::size_t row,
                                            const Error& error) const {
  return {.converger = converger_.profile().name,
          .subject = std::string(subjects.key(row)),
          .label = recorder_->label(subjects, row),
          .row = recorder_->row_digest(subjects, row),
          .message = message(error),
          .sqlstate = error.sqlstate()};
}

void PassState::failed(const Subjects& subjects, std::size_t row, const Error& error) {
  failed(quarantined(subjects, row, error), error, detail(error));
}

void PassState::failed(journal::Quarantined subject, const Error& error,
                       const std::string& detail) {
  if (context_.journal != nullptr) {
    {
      const std::lock_guard lock(mutex_);
      subject = quarantine_.failed(std::move(subject));
    }
    context_.journal->quarantine(pass_,
                                 {.kind = journal::Kind::failure,
                                  .definition = definition(),
                                  .subject = subject.subject,
                                  .label = subject.label,
                                  .outcome = journal::Outcome::failed,
                                  .detail = detail},
                                 subject);
  }
  const std::lock_guard lock(mutex_);
  ++result_.failed;
  if (error.sqlstate() == "55P03") ++result_.locked;
  context_.observer.failed(subject.subject, subject.label.value_or(""), error);
}

void PassState::carried_out() {
  const std::lock_guard lock(mutex_);
  ++carried_out_;
}

std::int64_t PassState::inconsistencies() const {
  const std::lock_guard lock(mutex_);
  return result_.inconsistencies + awaited_;
}

std::string PassState::digest() const {
  const std::lock_guard lock(mutex_);
  return digest_.text(converger_.profile().version);
}

void PassState::start_again(std::int64_t examined) {
  const std::lock_guard lock(mutex_);
  result_.examined = examined;
  result_.inconsistencies = 0;
  awaited_ = 0;
  result_.changes = 0;
  digest_ = {};
  fought_.clear();
  few_corrected_.clear();
}

PassResult PassState::result() const {
  const std::lock_guard lock(mutex_);
  PassResult result = result_;
  result.inconsistencies += carried_out_;
  result.pass = pass_.id;
  result.quarantined = quarantine_.left_out();
  result.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
  return result;
}

}  // namespace converge::engine
