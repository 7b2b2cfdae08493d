#include "src/engine/outside_work.h"

#include "src/base/digest.h"
#include "src/base/text.h"
#include "src/engine/chunk_worker.h"
#include "src/engine/outside_calls.h"
#include "src/engine/owed_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace converge::engine {

namespace {

constexpr std::size_t kKeyBytes = 16;

/// For how long the key of a step that has not succeeded is kept for the next attempt.
constexpr std::chrono::hours kRemembered{24};

/// Adds a member to the detail of a record, a JSON object.
void add_planned(journal::Inconsistency& record, const std::string& planned) {
  if (planned.empty()) return;
  record.detail.insert(record.detail.size() - 1, R"(,"planned":[)" + planned + "]");
}

std::set<std::string, std::less<>> changed_keys(const std::vector<StepChanges>& changes) {
  std::set<std::string, std::less<>> keys;
  for (const StepChanges& step : changes) {
    for (std::size_t row = 0; row < step.rows.size(); ++row) {
      keys.emplace(step.rows.at(row, 0).value_or(std::string_view()));
    }
  }
  return keys;
}

}  // namespace

std::vector<std::string> keys_of(const std::vector<journal::Owed>& owed) {
  std::vector<std::string> keys;
  keys.reserve(owed.size());
  for (const journal::Owed& one : owed) keys.push_back(one.subject);
  return keys;
}

bool OutsideWork::acts_for_found() const {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const auto& step) { return step->settings().acts_for == ActsFor::found; });
}

std::vector<const OutsideStep*> OutsideWork::changing_from(std::size_t stage) const {
  std::vector<const OutsideStep*> steps;
  for (std::size_t step = stage; step < steps_.size(); ++step) {
    if (steps_[step]->settings().acts_for == ActsFor::changed) steps.push_back(steps_[step].get());
  }
  return steps;
}

/// Which subjects a step that acts for what is found is to act for.
std::vector<bool> OutsideWork::due_rows(const OutsideStep& step, const Subjects& subjects) const {
  const auto last = state_.last_outside(step, subjects);
  std::vector<bool> due(subjects.size());
  for (std::size_t row = 0; row < subjects.size(); ++row) {
    due[row] = !is_recent(last[row], step.settings().repeat);
  }
  return due;
}

/// What is to follow for subjects that were changed: only a plan tells of what would be done
/// anyway, as it goes no further.
std::vector<OutsideWork::DueStep> OutsideWork::due_from(std::size_t stage,
                                                        const Subjects& subjects) const {
  std::vector<DueStep> due;
  for (std::size_t number = stage; number < steps_.size(); ++number) {
    const OutsideStep& step = *steps_[number];
    if (step.settings().acts_for == ActsFor::changed) {
      due.push_back({.step = &step, .rows = std::vector<bool>(subjects.size(), true)});
    } else if (is_plan()) {
      due.push_back({.step = &step, .rows = due_rows(step, subjects)});
    }
  }
  return due;
}

void OutsideWork::plan(const Subjects& subjects, std::size_t stage,
                       std::vector<journal::Inconsistency>& records,
                       const std::vector<std::string>& underway) const {
  const auto steps = due_from(stage, subjects);
  if (steps.empty()) return;
  const bool owes = !changing_from(stage).empty();
  const std::set<std::string_view> owed(underway.begin(), underway.end());
  std::vector<std::string> titles;
  for (const auto& step : steps_) titles.push_back(step->settings().title);
  std::size_t row = 0;
  for (journal::Inconsistency& record : records) {
    while (subjects.key(row) != record.subject) ++row;  // Records are in the order of the subjects.
    if (owed.contains(record.subject)) continue;
    if (owes) {
      const auto kept = OwedRow::of(subjects, row, state_.converger().columns(), titles,
                                    state_.converger().profile().settings.redact);
      record.planned = journal::PlannedOutside{.key = hex(random_bytes(kKeyBytes)),
                                               .row = kept.encode(),
                                               .step = static_cast<std::int64_t>(stage)};
    }
    std::string planned;
    for (const DueStep& due : steps) {
      if (!due.rows[row]) continue;
      if (!planned.empty()) planned += ',';
      const auto key = is_plan() ? "" : attempt_key(record.planned->key, *due.step);
      planned += planned_json(state_.converger(), *due.step, subjects, row, key);
    }
    add_planned(record, planned);
  }
}

std::vector<journal::Inconsistency> OutsideWork::due(
    const Subjects& subjects, const std::vector<journal::Inconsistency>& records) const {
  std::vector<journal::Inconsistency> due;
  if (!acts_for_found()) return due;
  std::set<std::string_view> recorded;
  for (const auto& record : records) recorded.insert(record.subject);
  std::vector<std::string> planned(subjects.size());
  for (const auto& step : steps_) {
    if (step->settings().acts_for != ActsFor::found) continue;
    const auto due_now = due_rows(*step, subjects);
    for (std::size_t row = 0; row < subjects.size(); ++row) {
      if (!due_now[row]) continue;
      if (!planned[row].empty()) planned[row] += ',';
      planned[row] += planned_json(state_.converger(), *step, subjects, row);
    }
  }
  for (std::size_t row = 0; row < subjects.size(); ++row) {
    if (planned[row].empty() || recorded.contains(subjects.key(row))) continue;
    due.push_back({.subject = std::string(subjects.key(row)),
                   .label = state_.recorder().label(subjects, row),
                   .detail = R"({"steps":[]})"});
    add_planned(due.back(), planned[row]);
  }
  return due;
}

void OutsideWork::rehearse(postgres::Transaction& transaction, const Subjects& subjects,
                           std::vector<StepChanges>& changes) const {
  const Converger& converger = state_.converger();
  if (!any()) return;
  std::vector<bool> through(subjects.size(), true);
  if (converger.profile().settings.limit) {
    // The limit, and the digest of its set, are on who is wrong before any step outside has acted.
    const auto changed = changed_keys(changes);
    for (std::size_t row = 0; row < subjects.size(); ++row) {
      through[row] = changed.contains(subjects.key(row));
    }
    for (const auto& step : steps_) {
      if (step->settings().acts_for != ActsFor::found) continue;
      const auto due = due_rows(*step, subjects);
      std::transform(due.begin(), due.end(), through.begin(), through.begin(), std::logical_or<>());
    }
  }
  for (std::size_t step = 0; step < steps_.size(); ++step) {
    if (steps_[step]->settings().acts_for == ActsFor::changed) {
      const auto changed = changed_keys(changes);
      for (std::size_t row = 0; row < subjects.size(); ++row) {
        through[row] = through[row] && changed.contains(subjects.key(row));
      }
    }
    const StepRange sql = steps_before(converger, step + 1);
    Subjects those(subjects.width());
    for (std::size_t row = 0; row < subjects.size(); ++row) {
      if (through[row]) those.append(subjects, row);
    }
    if (sql.first == sql.end || those.empty()) continue;
    for (StepChanges& more : converger.converge(transaction, those, sql)) {
      more.after = steps_[step]->settings().title;
      changes.push_back(std::move(more));
    }
  }
}

/// The number of the step among those that were planned; nothing for one that is new since.
std::optional<std::int64_t> OutsideWork::planned_number(const Underway::Subject& subject,
                                                        std::size_t step) const {
  if (!subject.planned) return static_cast<std::int64_t>(step);
  const auto& titles = *subject.planned;
  const auto found = std::find(titles.begin(), titles.end(), steps_[step]->settings().title);
  if (found == titles.end()) return std::nullopt;
  return found - titles.begin();
}

/// Has the journal know how far they are: a step is behind them once the SQL after it is committed.
void OutsideWork::note_place(Underway& underway, std::size_t step) const {
  const bool is_over = changing_from(step).empty();
  std::map<std::int64_t, std::vector<std::string>> keys;
  for (Underway::Subject& subject : underway.each) {
    if (subject.owed.empty()) continue;
    const auto number = is_over ? std::optional<std::int64_t>(-1) : planned_number(subject, step);
    if (!number || subject.at == *number) continue;
    subject.at = *number;
    keys[*number].push_back(subject.owed);
    if (is_over) subject.owed.clear();
  }
  journal::Journal& journal = *state_.context().journal;
  for (const auto& [number, those] : keys) {
    if (is_over) {
      journal.drop_owed(those);
    } else {
      journal.advance_owed(those, number);
    }
  }
}

void OutsideWork::go_on(Underway underway, std::size_t step) {
  if (underway.empty()) return;
  note_place(underway, step);
  if (step == steps_.size()) return;
  take_sql(call_all(underway, step), step);
}

/// Those that go on.
Underway OutsideWork::call_all(Underway& underway, std::size_t step) {
  const auto fates = OutsideCalls(state_, step, underway).run();
  if (std::find(fates.begin(), fates.end(), Fate::left) != fates.end()) state_.require_time();
  Underway rest(underway.subjects.width());
  for (std::size_t row = 0; row < fates.size(); ++row) {
    if (fates[row] == Fate::failed || fates[row] == Fate::left) continue;
    Underway::Subject& subject = underway.each[row];
    subject.through &= fates[row] != Fate::not_due;
    rest.append(underway.subjects, row, std::move(subject));
  }
  return rest;
}

/// The SQL after the step, for those that it has succeeded for; and all go on.
void OutsideWork::take_sql(Underway underway, std::size_t step) {
  const StepRange sql = steps_before(state_.converger(), step + 1);
  if (sql.first == sql.end) return go_on(std::move(underway), step + 1);
  Underway through(underway.subjects.width());
  Underway others(underway.subjects.width());
  for (std::size_t row = 0; row < underway.size(); ++row) {
    Underway& which = underway.each[row].through ? through : others;
    which.append(underway.subjects, row, std::move(underway.each[row]));
  }
  go_on(std::move(others), step + 1);
  if (!through.empty()) ChunkWorker(state_, true, step + 1, &through).work(through.subjects);
}

/// A definition that has lost the step is how a person says that it is not to be done any more.
void OutsideWork::give_up(const journal::Owed& owed, const std::string& title) const {
  const std::string message = fmt::format(
      "the step {}, which was owed to it, is not in the definition any more", printable(title));
  state_.given_up(owed.subject, owed.label,
                  Error(ErrorKind::failure, message,
                        "It is given up, and so is what was to follow. If it was only renamed, do "
                        "by hand what it would have done; `converge why` tells for whom."));
  state_.context().journal->append(
      state_.pass(), {.kind = journal::Kind::failure,
                      .definition = state_.definition(),
                      .subject = owed.subject,
                      .label = owed.label,
                      .outcome = journal::Outcome::failed,
                      .detail = R"({"title":)" + json_string(title) + R"(,"message":)" +
                                json_string(message) + "}"});
  state_.context().journal->drop_owed({owed.key});
}

/// Where a subject goes on; nothing where its definition has lost the step.
std::optional<OutsideWork::Place> OutsideWork::place_of(const journal::Owed& owed,
                                                        const OwedRow& row) const {
  const std::string title = row.title(owed.step);
  const auto step = std::find_if(steps_.begin(), steps_.end(),
                                 [&](const auto& one) { return one->settings().title == title; });
  if (step != steps_.end()) {
    return Place(static_cast<std::size_t>(step - steps_.begin()), owed.done);
  }
  give_up(owed, title);
  return std::nullopt;
}

/// The subject as it was when it was planned. Columns that were not kept, as they are redacted or
/// find did not have them, are as find returns them now.
Subjects OutsideWork::whole(const OwedRow& row) const {
  const auto& columns = state_.converger().columns();
  const bool has_all = std::all_of(columns.begin() + 1, columns.end(), [&](const auto& column) {
    return std::find(row.columns.begin(), row.columns.end(), column) != row.columns.end();
  });
  return row.as(columns, has_all ? Subjects() : read_again(row.subject));
}

void OutsideWork::resume(const std::function<void(std::vector<journal::Owed>&)>& leave,
                         bool counted) {
  const Profile& profile = state_.converger().profile();
  journal::OwedPage page{.size = static_cast<std::size_t>(profile.settings.chunk)};
  for (bool is_last = false; !is_last;) {
    auto owed = state_.context().journal->owed(profile.name, page);
    is_last = owed.size() < page.size;
    if (owed.empty()) return;
    page.after_txn = owed.back().txn;
    page.after_number = owed.back().number;
    leave(owed);
    carry_out(owed, counted);
  }
}

void OutsideWork::carry_out(const std::vector<journal::Owed>& page, bool counted) {
  std::map<Place, Group> groups;
  const auto begin = [&](Place place) {
    Underway underway = std::move(groups.extract(place).mapped().underway);
    if (place.second) return take_sql(std::move(underway), place.first);
    go_on(std::move(underway), place.first);
  };
  for (const journal::Owed& owed : page) {
    if (state_.quarantine().leaves_out(owed.subject)) continue;
    const OwedRow row = OwedRow::decode(owed.row);
    const auto place = place_of(owed, row);
    if (!place) continue;
    const auto known = groups.find(*place);
    if (known != groups.end() && known->second.keys.contains(owed.subject)) begin(*place);
    Group& group = groups.try_emplace(*place, state_.converger().columns().size()).first->second;
    group.keys.insert(owed.subject);
    group.underway.append(whole(row), 0,
                          {.owed = owed.key,
                           .planned = std::make_shared<const std::vector<std::string>>(row.steps),
                           .at = owed.step,
                           .counted = counted});
  }
  while (!groups.empty()) begin(groups.begin()->first);
}

void OutsideWork::go_on_after(Listing& listing, const std::set<std::string>& corrected) {
  if (!any()) return;
  const auto leave = [this](std::vector<journal::Owed>& owed) {
    std::erase_if(owed, [&](const auto& one) { return one.pass != state_.pass().id; });
  };
  resume(leave, true);
  if (!acts_for_found()) return;
  listing.rewind();
  for (Subjects chunk = listing.next(); !chunk.empty(); chunk = listing.next()) {
    state_.require_time();
    const Subjects found = read_again(chunk);
    Underway underway(found.width());
    for (std::size_t row = 0; row < found.size(); ++row) {
      const bool counted = corrected.contains(std::string(found.key(row)));
      underway.append(found, row, {.found = true, .counted = counted});
    }
    go_on(std::move(underway), 0);
  }
}

Subjects OutsideWork::read_again(const Subjects& chunk) const {
  postgres::Transaction transaction(state_.ready_session());
  Subjects found = state_.converger().find_again(transaction, chunk);
  transaction.rollback();
  found.require_usable_keys();
  return found;
}

void OutsideWork::forget(const std::vector<std::string>& gone, std::int64_t began_us) const {
  if (!acts_for_found()) return;
  const std::string& name = state_.converger().profile().name;
  journal::Journal& journal = *state_.context().journal;
  journal.forget_outside(name, gone);
  if (!state_.result().complete) return;
  for (const auto& step : steps_) {
    const OutsideStep::Settings& settings = step->settings();
    if (settings.acts_for != ActsFor::found) continue;
    const auto age = std::max<std::chrono::microseconds>(settings.repeat, kRemembered);
    journal.purge_outside(name, settings.title, wall_time_us() - age.count(), began_us);
  }
}

}  // namespace converge::engine
