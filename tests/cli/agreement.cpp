#include "tests/cli/agreement.h"

#include "tests/cli/fixture.h"
#include "tests/support/state_machine.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/core.h>

#include <algorithm>
#include <iterator>

namespace converge::tests {
namespace {

constexpr std::size_t kShown = 10;

constexpr const char* kAudited =
    "select concat_ws('|', xid, relation, account_id, row_id) from audit";
constexpr const char* kJournaled = R"sql(
select t.xid || '|' || c.key || '|' || s.subject || '|' || c.value
from step s join "transaction" t on t.seq = s.txn, json_each(s.changes) r, json_each(r.value) c
where s.outcome = 'committed'
)sql";

constexpr const char* kAuditedSubjects =
    "select distinct concat_ws('|', xid, account_id) from audit";
constexpr const char* kJournaledSubjects = R"sql(
select t.xid || '|' || i.subject from inconsistency i join "transaction" t on t.seq = i.txn
where i.outcome = 'committed'
)sql";

/// What must not be in a journal after everything was settled, whatever was killed.
struct Forbidden {
  const char* what;
  const char* query;
};
constexpr Forbidden kForbidden[] = {
    {"left pending", "select seq from unsettled"},
    {"two records of one transaction that was committed",
     "select xid from \"transaction\" where outcome = 'committed' "
     "group by system_identifier, xid having count(*) > 1"},
    {"two entries of one subject in one transaction",
     "select txn || '|' || subject from inconsistency where txn is not null "
     "group by txn, subject having count(*) > 1"},
    {"two outcomes of one entry",
     "select txn from entry e join outcome o on o.id = e.outcome where kind = 4 and "
     "o.name <> 'unknown' group by txn having count(*) > 1"},
    {"an outcome of nothing",
     "select seq from entry where kind = 4 and txn not in "
     "(select seq from entry where kind in (1, 3)) and txn > (select pruned_seq from chain)"},
    {"a count that is not that of its changes",
     "select seq || '|' || number from step where count <> json_array_length(changes) "
     "and count <= 100"},
    {"a count that is not that of its steps",
     "select i.seq from inconsistency i join step s using (seq) group by i.seq "
     "having i.count <> sum(s.count)"},
};

std::vector<std::string> sorted_lines(const std::string& text) {
  auto all = lines(text);
  std::sort(all.begin(), all.end());
  return all;
}

std::string told(const std::string& what, const std::vector<std::string>& which) {
  std::string text;
  for (std::size_t i = 0; i < std::min(which.size(), kShown); ++i) {
    text += fmt::format("{}: {}\n", what, which[i]);
  }
  if (which.size() > kShown) text += fmt::format("{}: {} in all\n", what, which.size());
  return text;
}

/// What is in `these` and not in `those`, or more often.
std::string only_in(const std::string& what, const std::vector<std::string>& these,
                    const std::vector<std::string>& those) {
  std::vector<std::string> missing;
  std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                      std::back_inserter(missing));
  return told(what, missing);
}

std::string compare(const std::string& database, const std::string& journal) {
  const auto there = sorted_lines(database);
  const auto here = sorted_lines(journal);
  return only_in("missing in the journal", there, here) +
         only_in("invented by the journal", here, there);
}

std::string compare_outcomes(const Cli& cli) {
  const auto outcomes = cli.ask_journal("select xid || '|' || outcome from \"transaction\"");
  std::string ids;
  for (const auto& line : lines(outcomes)) {
    ids += (ids.empty() ? "" : ",") + line.substr(0, line.find('|'));
  }
  const auto truth = cli.sql(
      "select xid || '|' || case pg_xact_status(xid::xid8) when 'aborted' then 'rolled_back' "
      "else pg_xact_status(xid::xid8) end from unnest('{" +
      ids + "}'::text[]) xid");
  const auto here = sorted_lines(outcomes);
  const auto there = sorted_lines(truth);
  return only_in("an outcome that the server denies", here, there) +
         only_in("what the server says of it", there, here);
}

std::string verified(const Cli& cli) {
  const auto result = cli.call({"journal", "verify"});
  if (result.status == 0 && result.err.empty() && result.out.starts_with("whole: ")) return "";
  return fmt::format("journal verify: {}: {}{}\n", result.status, result.out, result.err);
}

/// One member of each of the service's lines, sorted.
std::vector<std::string> members(const std::vector<std::string>& lines, const std::string& name) {
  std::vector<std::string> all;
  for (const std::string& line : lines) {
    const auto object = Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>();
    const auto value = object->optValue<std::string>(name, "");
    if (!value.empty()) all.push_back(value);
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

std::string disagreement(const Cli& cli) {
  std::string all = compare(cli.sql(kAudited), cli.ask_journal(kJournaled)) +
                    compare(cli.sql(kAuditedSubjects), cli.ask_journal(kJournaledSubjects)) +
                    compare_outcomes(cli);
  for (const auto& [what, query] : kForbidden) all += told(what, lines(cli.ask_journal(query)));
  return all + verified(cli);
}

std::string disagreement_outside(const Cli& cli, const StateMachine& service,
                                 const std::string& after) {
  const auto ask = [&](const std::string& query) { return sorted_lines(cli.ask_journal(query)); };
  const auto effects = members(service.effects(), "key");
  const auto requests = members(service.log(), "key");
  const auto attempts = ask("select key from attempt");
  // A process that died between the two did not tell whether it had sent it.
  const auto certain = ask("select key from attempt where outcome <> 'unknown'");
  const auto subjects = ask("select subject from attempt group by key");
  const auto planned = ask(
      fmt::format("select i.subject from inconsistency i where outcome = 'committed' and exists "
                  "(select 1 from step s where s.seq = i.seq and s.title <> '{}')",
                  after));
  const auto succeeded = ask("select key from attempt where outcome = 'committed'");
  return only_in("an effect without a success", effects, succeeded) +
         only_in("a success without an effect, or twice", succeeded, effects) +
         only_in("a request without an attempt", requests, attempts) +
         only_in("an attempt without a request", certain, requests) +
         only_in("a subject that was not called for", planned, subjects) +
         only_in("a subject that was called for too often", subjects, planned) +
         told("still owed", ask("select key from owed")) +
         told("an attempt left pending", ask("select seq from attempt where outcome = 'pending'"));
}

}  // namespace converge::tests
