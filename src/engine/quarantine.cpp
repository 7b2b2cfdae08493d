#include "src/engine/quarantine.h"

#include "src/postgres/transaction.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

namespace converge::engine {

namespace {

constexpr std::chrono::minutes kFirstTime{1};
constexpr std::chrono::hours kLongestTime{6};
// A service may ask for a week (`HttpResponse::retry_after`), and a clock is set by hours at most.
constexpr std::chrono::hours kLongestAsked{8 * 24};
constexpr double kJitter = 0.2;

}  // namespace

std::chrono::microseconds quarantine_time(std::int64_t failures) {
  thread_local std::minstd_rand generator(std::random_device{}());
  const auto doublings = std::clamp<std::int64_t>(failures - 1, 0, 20);
  const std::chrono::microseconds time = std::min<std::chrono::microseconds>(
      kFirstTime * (std::int64_t{1} << doublings), kLongestTime);
  const double factor = std::uniform_real_distribution<>(1 - kJitter, 1 + kJitter)(generator);
  return std::chrono::microseconds(
      static_cast<std::int64_t>(static_cast<double>(time.count()) * factor));
}

namespace {

/// Who says when it may be asked again is not asked ever faster than this: from a second, twice as
/// long each time, up to what is usual.
std::int64_t least_time(std::int64_t failures, std::chrono::microseconds usual) {
  const std::chrono::microseconds least =
      std::chrono::seconds(1) * (std::int64_t{1} << std::clamp<std::int64_t>(failures - 1, 0, 20));
  return std::min(least, usual).count();
}

}  // namespace

void Quarantine::load(const std::vector<journal::Quarantined>& known, std::int64_t now_us) {
  now_us_ = now_us;
  known_.clear();
  for (const journal::Quarantined& subject : known) known_[subject.subject].subject = subject;
}

std::vector<std::string> Quarantine::keys() const {
  std::vector<std::string> keys;
  std::transform(known_.begin(), known_.end(), std::back_inserter(keys),
                 [](const auto& known) { return known.first; });
  return keys;
}

void Quarantine::keep(const std::vector<std::string>& keys) {
  const std::set<std::string_view> kept(keys.begin(), keys.end());
  std::erase_if(known_, [&](const auto& known) { return !kept.contains(known.first); });
}

void Quarantine::look(const Converger& converger, const Recorder& recorder,
                      postgres::Session& session) {
  const auto at_a_time = static_cast<std::size_t>(converger.profile().settings.chunk);
  left_out_ = 0;
  next_us_.reset();
  std::vector<std::string> page;
  for (auto& [key, known] : known_) {
    known.fate = Fate::gone;
    page.push_back(key);
    if (page.size() < at_a_time && &known != &known_.rbegin()->second) continue;
    look_at(converger, recorder, session, page);
    page.clear();
  }
}

void Quarantine::look_at(const Converger& converger, const Recorder& recorder,
                         postgres::Session& session, const std::vector<std::string>& keys) {
  Subjects wanted;
  for (const std::string& key : keys) wanted.append({key});
  try {
    postgres::Transaction transaction(session);
    const Subjects found = converger.find_again(transaction, wanted);
    transaction.rollback();
    for (std::size_t row = 0; row < found.size(); ++row) {
      const auto known = known_.find(found.key(row));
      if (known != known_.end()) judge(known->second, recorder.row_digest(found, row));
    }
  } catch (const Error& error) {
    if (!postgres::is_about_data(error)) throw;
    // One of them is in quarantine because find itself fails for it.
    if (keys.size() == 1) return judge(known_.find(keys.front())->second, "");
    for (const std::string& key : keys) look_at(converger, recorder, session, {key});
  }
}

void Quarantine::judge(Known& known, const std::string& row) {
  const journal::Quarantined& subject = known.subject;
  // A clock that was set back must not keep it for longer than it was meant to.
  const std::int64_t longest = now_us_ + std::chrono::microseconds(kLongestAsked).count();
  const bool due = subject.next_us <= now_us_ || subject.next_us > longest;
  // A plan has no key for a digest that is keyed.
  const bool comparable = !subject.fight && !subject.row.empty() && !row.empty() &&
                          subject.row.starts_with(kRedacted) == row.starts_with(kRedacted);
  known.fate = due || (comparable && subject.row != row) ? Fate::tried : Fate::left_out;
  if (known.fate == Fate::tried) return;
  ++left_out_;
  due_at(subject.next_us);
}

void Quarantine::owe(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    const auto known = known_.find(key);
    if (known != known_.end() && known->second.fate == Fate::gone) judge(known->second, "");
  }
}

void Quarantine::due_at(std::int64_t time_us) {
  next_us_ = next_us_ ? std::min(*next_us_, time_us) : time_us;
}

bool Quarantine::leaves_out_any() const {
  return std::any_of(known_.begin(), known_.end(),
                     [&](const auto& known) { return leaves_out(known.first); });
}

bool Quarantine::leaves_out(std::string_view key) const {
  const auto known = known_.find(key);
  return known != known_.end() &&
         (known->second.fate == Fate::left_out || known->second.fate == Fate::failed);
}

journal::Quarantined Quarantine::failed(journal::Quarantined subject) {
  const std::int64_t now_us = now_us_;
  Known& known = known_[subject.subject];
  subject.failures = known.subject.failures + 1;
  subject.since_us = known.subject.since_us != 0 ? known.subject.since_us : now_us;
  const bool locked = subject.sqlstate == "55P03";
  const auto time = quarantine_time(locked ? 1 : subject.failures);
  subject.next_us = subject.next_us == 0
                        ? now_us + time.count()
                        : std::max(subject.next_us, now_us + least_time(subject.failures, time));
  known.fate = Fate::failed;
  known.subject = subject;
  due_at(subject.next_us);
  return subject;
}

bool Quarantine::is_fight(const std::string& key) const {
  const auto known = known_.find(key);
  return known != known_.end() && known->second.subject.fight && known->second.subject.next_us != 0;
}

std::vector<std::string> Quarantine::freed() const {
  std::vector<std::string> keys;
  for (const auto& [key, known] : known_) {
    if (known.fate == Fate::gone || known.fate == Fate::tried) keys.push_back(key);
  }
  return keys;
}

}  // namespace converge::engine
