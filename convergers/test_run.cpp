#include "convergers/test_run.h"

#include "convergers/test_pass.h"
#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/postgres/transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

namespace converge::convergers {
namespace {

constexpr std::size_t kRowsShown = 20;

/// Without the line breaks at the end, which a block of comments cannot have.
std::string_view without_end(std::string_view text) {
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  lines.emplace_back(text);
  return lines;
}

const Expectation* find_same(const std::vector<Expectation>& all, const Expectation& one) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto& other) { return other.is_of_same_step(one); });
  return found == all.end() ? nullptr : &*found;
}

/// What was done, in the order of what is expected, and then the rest.
std::vector<Expectation> in_order_of(const std::vector<Expectation>& expected,
                                     std::vector<Expectation> done) {
  const auto place = [&](const Expectation& one) {
    return std::find_if(expected.begin(), expected.end(),
                        [&](const auto& other) { return other.is_of_same_step(one); }) -
           expected.begin();
  };
  std::stable_sort(done.begin(), done.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return done;
}

std::vector<std::string> texts_of(const std::vector<Expectation>& all) {
  std::vector<std::string> texts;
  std::transform(all.begin(), all.end(), std::back_inserter(texts),
                 [](const Expectation& one) { return text_of(one); });
  return texts;
}

std::vector<std::string> texts_of(const std::vector<Row>& rows) {
  std::vector<std::string> texts;
  std::transform(rows.begin(), rows.end(), std::back_inserter(texts),
                 [](const Row& row) { return text_of(row); });
  return texts;
}

std::vector<Row> rows_of(const postgres::Rows& rows) {
  std::vector<Row> all(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < rows.width(); ++column) {
      const auto cell = rows.at(row, column);
      all[row].push_back(cell ? std::optional<std::string>(*cell) : std::nullopt);
    }
  }
  return all;
}

/// A place of the test file where something went wrong, with the server's words.
Failure failure_at(const Statement& statement, const Error& error) {
  std::string message = error.what();
  int line = statement.line;
  if (message.starts_with("line ")) {
    const auto colon = message.find(": ");
    line += std::stoi(message.substr(5, colon - 5)) - 1;
    message.erase(0, colon + 2);
  }
  // That hint is about definitions.
  const bool is_about_names = error.sqlstate().starts_with("42") && error.sqlstate() != "42501";
  return {.message = message, .hint = is_about_names ? "" : error.hint(), .line = line};
}

/// Why a second pass changed something, and what to do.
std::string hint_for(const TestPass::Changed& step, const TestPass& first) {
  const auto is_new = std::find_if(step.subjects.begin(), step.subjects.end(),
                                   [&](const auto& key) { return !first.found.contains(key); });
  if (is_new != step.subjects.end()) {
    return fmt::format(
        "Subject {} was not found before the first pass changed what find looks at: let the steps "
        "reach all of it in one pass, such as by `with recursive` over rows below rows.",
        printable(*is_new));
  }
  return "A subject that is right already must give no row: name what is still wrong in the step's "
         "condition, such as `... is null`.";
}

class CaseRun {
 public:
  CaseRun(engine::Converger& converger, const TestCase& test, postgres::Session& session)
      : converger_(converger), test_(test), session_(session), transaction_(ready(session)) {}

  std::vector<Failure> run() {
    const auto first = give() ? converge_once() : std::nullopt;
    if (first) {
      converge_again(*first);
      for (const Question& question : test_.questions) ask(question);
    }
    transaction_.rollback();
    return std::move(failures_);
  }

 private:
  postgres::Session& ready(postgres::Session& session) const {
    session.set_statement_timeout(converger_.profile().settings.timeout);
    return session;
  }
  bool give();
  std::optional<TestPass> converge_once();
  void converge_again(const TestPass& first);
  void ask(const Question& question);
  postgres::Rows execute(const Statement& statement);
  void compare(const std::vector<Expectation>& done);
  void compare_requests(const std::vector<Expectation>& done);
  template <typename Action>
  bool attempt(const Action& action, const std::string& what);

  engine::Converger& converger_;
  const TestCase& test_;
  postgres::Session& session_;
  postgres::Transaction transaction_;
  std::vector<Failure> failures_;
};

/// Whether it succeeded; else that it failed is told, at the place of the case.
template <typename Action>
bool CaseRun::attempt(const Action& action, const std::string& what) {
  try {
    action();
    return true;
  } catch (const Error& error) {
    if (!session_.is_open()) throw;
    const std::string message = what.empty() ? error.what() : error.within(what).what();
    failures_.push_back({.message = message, .hint = error.hint(), .line = test_.line});
    return false;
  }
}

/// A savepoint tells whether the transaction is still the one that it was.
postgres::Rows CaseRun::execute(const Statement& statement) {
  session_.queue("savepoint converge_statement");
  session_.describe(statement.sql);  // Which, unlike executing it, says the line of a mistake.
  auto rows = transaction_.execute(statement.sql);
  transaction_.execute("release savepoint converge_statement");
  return rows;
}

bool CaseRun::give() {
  for (const Statement& statement : test_.given) {
    try {
      execute(statement);
    } catch (const Error& error) {
      if (!session_.is_open()) throw;
      failures_.push_back(failure_at(statement, error));
      return false;
    }
  }
  // It is checked as if it had been committed, and goes on as if it had not been.
  return attempt(
      [&] {
        transaction_.execute(
            "savepoint converge_given; set constraints all immediate; "
            "rollback to savepoint converge_given");
      },
      "what is given breaks a deferred constraint");
}

std::optional<TestPass> CaseRun::converge_once() {
  TestPass pass;
  const auto converge = [&] {
    converger_.inspect(session_);
    converger_.prepare(session_);
    pass = run_test_pass(converger_, transaction_, false);
  };
  if (!attempt(converge, {})) return {};
  compare(pass.done);
  compare_requests(pass.done);
  const bool held = attempt([&] { transaction_.execute("set constraints all immediate"); },
                            "what the steps did breaks a deferred constraint");
  return held ? std::optional(std::move(pass)) : std::nullopt;
}

/// What it does is taken back, so that the queries see what the first time did.
void CaseRun::converge_again(const TestPass& first) {
  TestPass pass;
  const auto converge = [&] {
    transaction_.execute("savepoint converge_again");
    pass = run_test_pass(converger_, transaction_, true);
  };
  const bool went_through = attempt(converge, "the second time");
  transaction_.execute("rollback to savepoint converge_again");
  if (!went_through) return;
  for (auto& step : pass.changed) {
    Failure failure{
        .message = fmt::format("not idempotent: step {} changed {} again", step.title,
                               counted(static_cast<std::int64_t>(step.rows.size()), "row")),
        .hint = hint_for(step, first),
        .line = test_.line};
    const auto shown = std::min(step.rows.size(), kRowsShown);
    failure.got.assign(step.rows.begin(), step.rows.begin() + static_cast<std::ptrdiff_t>(shown));
    failures_.push_back(std::move(failure));
  }
}

void CaseRun::compare(const std::vector<Expectation>& done) {
  auto expected = texts_of(test_.expected);
  auto got = texts_of(in_order_of(test_.expected, done));
  if (expected == got) return;
  const int line = test_.expected.empty() ? test_.line : test_.expected.front().line;
  failures_.push_back({.message = "the steps do something else than is expected",
                       .hint = {},
                       .line = line,
                       .expected = std::move(expected),
                       .got = std::move(got)});
}

void CaseRun::compare_requests(const std::vector<Expectation>& done) {
  for (const Expectation& expectation : test_.expected) {
    const Expectation* one = find_same(done, expectation);
    if (one == nullptr || !expectation.full_text) continue;
    const auto got = without_end(*one->full_text);
    if (got == *expectation.full_text) continue;
    failures_.push_back({.message = fmt::format("{} {} would send something else to subject {}",
                                                one->kind, one->title, printable(one->subject)),
                         .hint = {},
                         .line = expectation.line,
                         .expected = lines_of(*expectation.full_text),
                         .got = lines_of(got)});
  }
}

void CaseRun::ask(const Question& question) {
  try {
    const auto got = rows_of(execute(question.query));
    if (got == question.rows) return;
    failures_.push_back({.message = "the query returns other rows",
                         .hint = {},
                         .line = question.query.line,
                         .expected = texts_of(question.rows),
                         .got = texts_of(got)});
  } catch (const Error& error) {
    if (!session_.is_open()) throw;
    failures_.push_back(failure_at(question.query, error));
    transaction_.execute("rollback to savepoint converge_statement");
  }
}

}  // namespace

CaseResult run_case(engine::Converger& converger, const TestCase& test,
                    const postgres::ConnectOptions& server) {
  const auto start = Clock::now();
  postgres::Session session(server);
  CaseResult result;
  result.failures = CaseRun(converger, test, session).run();
  result.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  return result;
}

}  // namespace converge::convergers
