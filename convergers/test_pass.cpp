#include "convergers/test_pass.h"

#include "src/base/text.h"
#include "src/engine/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace converge::convergers {
namespace {

using engine::Subjects;

std::string text_of(const postgres::Rows& rows, std::size_t row) {
  std::string text;
  for (std::size_t column = 0; column < rows.width(); ++column) {
    if (column > 0) text += ", ";
    text += fmt::format("{} {}", rows.name(column), rows.at(row, column).value_or("null"));
  }
  return text;
}

class Pass {
 public:
  Pass(const engine::Converger& converger, postgres::Transaction& transaction, bool again)
      : converger_(converger),
        transaction_(transaction),
        again_(again),
        recorder_(converger, std::nullopt) {}

  TestPass run() {
    const auto chunks = list();
    for (const Subjects& chunk : chunks) converge(read(chunk, chunks.size() == 1));
    return std::move(result_);
  }

 private:
  std::vector<Subjects> list();
  Subjects read(const Subjects& chunk, bool only);
  void converge(Subjects subjects);
  void take_steps(const Subjects& subjects, engine::StepRange steps);
  Subjects take_outside(const Subjects& subjects, const engine::OutsideStep& step);
  TestPass::Changed& changed_by(const std::string& title);

  const engine::Converger& converger_;
  postgres::Transaction& transaction_;
  bool again_;
  engine::Recorder recorder_;
  std::set<std::string, std::less<>> changed_;  // Keys of the subjects that steps changed.
  TestPass result_;
};

std::vector<Subjects> Pass::list() {
  const auto at_most = static_cast<std::size_t>(converger_.profile().settings.chunk);
  converger_.find(transaction_, engine::Shards{});
  std::vector<Subjects> chunks;
  std::optional<Subjects> all;
  for (Subjects page = converger_.next(transaction_, at_most); !page.empty();
       page = converger_.next(transaction_, at_most)) {
    if (!all) all.emplace(page.width());
    for (std::size_t row = 0; row < page.size(); ++row) all->append(page, row);
    for (std::size_t row = 0; row < page.size(); ++row) result_.found.emplace(page.key(row));
    chunks.push_back(std::move(page));
  }
  if (all) all->require_usable_keys();
  // A pass ends the transaction that listed; here the next find would meet an open cursor.
  transaction_.execute("close all");
  return chunks;
}

/// What fits into one chunk is converged as it was found, where that is all of its columns.
Subjects Pass::read(const Subjects& chunk, bool only) {
  if (only && chunk.width() == converger_.columns().size()) return chunk;
  Subjects subjects = converger_.find_again(transaction_, chunk);
  subjects.require_usable_keys();
  return subjects;
}

/// Steps behind one outside the database are for those subjects for which that succeeded.
void Pass::converge(Subjects subjects) {
  const auto& outside = converger_.outside();
  for (std::size_t place = 0; place <= outside.size() && !subjects.empty(); ++place) {
    take_steps(subjects, engine::steps_before(converger_, place));
    if (place < outside.size()) subjects = take_outside(subjects, *outside[place]);
  }
}

void Pass::take_steps(const Subjects& subjects, engine::StepRange steps) {
  if (steps.first == steps.end) return;
  const auto changes = converger_.converge(transaction_, subjects, steps);
  recorder_.record(subjects, changes);  // Refuses the keys that a pass refuses.
  for (const engine::StepChanges& step : changes) {
    std::map<std::string_view, std::int64_t> counts;
    for (std::size_t row = 0; row < step.rows.size(); ++row) {
      ++counts[*step.rows.at(row, 0)];
      TestPass::Changed& changed = changed_by(step.title);
      changed.rows.push_back(text_of(step.rows, row));
      changed.subjects.emplace(*step.rows.at(row, 0));
    }
    for (std::size_t row = 0; row < subjects.size(); ++row) {
      const auto count = counts.find(subjects.key(row));
      if (count == counts.end()) continue;
      changed_.emplace(count->first);
      result_.done.push_back({.subject = std::string(count->first),
                              .kind = "step",
                              .title = step.title,
                              .changes = count->second,
                              .request = {},
                              .full_text = {}});
    }
  }
}

TestPass::Changed& Pass::changed_by(const std::string& title) {
  const auto known = std::find_if(result_.changed.begin(), result_.changed.end(),
                                  [&](const auto& step) { return step.title == title; });
  if (known != result_.changed.end()) return *known;
  return result_.changed.emplace_back(
      TestPass::Changed{.title = title, .rows = {}, .subjects = {}});
}

/// The subjects for which it is done: now, or already.
Subjects Pass::take_outside(const Subjects& subjects, const engine::OutsideStep& step) {
  const bool for_changed = step.settings().acts_for == engine::ActsFor::changed;
  if (again_ && !for_changed) return subjects;
  Subjects done(subjects.width());
  for (std::size_t row = 0; row < subjects.size(); ++row) {
    if (for_changed && !changed_.contains(subjects.key(row))) continue;
    const engine::SubjectRow subject(converger_.columns(), converger_.column_types(), subjects,
                                     row);
    try {
      result_.done.push_back({.subject = std::string(subject.key()),
                              .kind = step.settings().kind,
                              .title = step.settings().title,
                              .changes = 0,
                              .request = step.describe(subject, {}),
                              .full_text = step.full_text(subject)});
    } catch (const Error& error) {
      throw error.within(fmt::format("subject {}", printable(subject.key())));
    }
    done.append(subjects, row);
  }
  return done;
}

}  // namespace

TestPass run_test_pass(const engine::Converger& converger, postgres::Transaction& transaction,
                       bool again) {
  return Pass(converger, transaction, again).run();
}

}  // namespace converge::convergers
