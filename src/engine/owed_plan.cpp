#include "src/engine/owed_plan.h"

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/postgres/transaction.h"

#include <algorithm>

namespace converge::engine {
namespace {

std::string told(const std::string& title, const std::string& key, const std::string& member,
                 const std::string& text) {
  return R"({"title":)" + json_string(title) +
         (key.empty() ? "" : R"(,"key":)" + json_string(key)) + ",\"" + member +
         "\":" + json_string(text) + "}";
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string planned_json(const Converger& converger, const OutsideStep& step,
                         const Subjects& subjects, std::size_t row, const std::string& key) {
  const SubjectRow subject(converger.columns(), converger.column_types(), subjects, row);
  const std::string& title = step.settings().title;
  try {
    return told(title, key, "request", step.describe(subject, converger.profile().settings.redact));
  } catch (const Error& error) {
    return told(title, key, "message", error.what());
  }
}

OwedPlan::OwedPlan(Converger& converger, postgres::Pool& pool)
    : converger_(converger), session_(pool.lease()) {
  converger_.inspect_if_due(*session_);
  converger_.prepare(*session_);
}

std::string OwedPlan::detail(const journal::Owed& owed) {
  const OwedRow row = OwedRow::decode(owed.row);
  const auto& steps = converger_.outside();
  const std::string title = row.title(owed.step);
  auto step = std::find_if(steps.begin(), steps.end(),
                           [&](const auto& one) { return one->settings().title == title; });
  std::string planned;
  if (step == steps.end()) {
    planned = told(title, "", "message", "given up, as it is not in the definition any more");
  } else {
    const Subjects subject = whole(row);
    if (owed.done) {
      planned = told(title, "", "message", "done; the SQL after it is to come");
      ++step;
    }
    for (; step != steps.end(); ++step) {
      if ((*step)->settings().acts_for != ActsFor::changed) continue;
      if (!planned.empty()) planned += ',';
      planned += planned_json(converger_, **step, subject, 0);
    }
  }
  return R"({"planned":[)" + planned + "]}";
}

/// The subject as it was, as a pass takes it. What is redacted was not kept, and is not described.
Subjects OwedPlan::whole(const OwedRow& row) {
  const auto& columns = converger_.columns();
  const auto& hidden = converger_.profile().settings.redact;
  const bool has_all = std::all_of(columns.begin() + 1, columns.end(), [&](const auto& column) {
    return has(row.columns, column) || has(hidden, column);
  });
  if (has_all) return row.as(columns, Subjects());
  postgres::Transaction transaction(*session_);
  const Subjects now = converger_.find_again(transaction, row.subject);
  transaction.rollback();
  return row.as(columns, now);
}

}  // namespace converge::engine
