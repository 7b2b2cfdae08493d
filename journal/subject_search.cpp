#include "journal/subject_search.h"

#include "journal/convergers.h"
#include "src/base/text.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace converge::journal {
namespace {

/// Read in one transaction.
constexpr std::int64_t kWindowEntries = 8192;
/// Keys and labels compared letter by letter with what was asked for.
constexpr std::int64_t kComparedEntries = 1024;
constexpr std::size_t kNamesakes = 100;
constexpr int kNeighbours = 3;  // Before, and as many after.
constexpr std::size_t kSuggestions = 4;

bool has_entries(SQLite::Database& database, const std::string& subject,
                 const std::string& condition) {
  SQLite::Statement row(database, "select 1 from entry where subject = ?" + condition + " limit 1");
  row.bind(1, subject);
  return row.executeStep();
}

/// The newest entry and the oldest that is there.
std::pair<std::int64_t, std::int64_t> bounds_of(SQLite::Database& database) {
  SQLite::Statement row(database,
                        "select (select max(seq) from entry), (select min(seq) from entry)");
  row.executeStep();
  return {row.getColumn(0).getInt64(), row.getColumn(1).getInt64()};
}

/// Windows of seq, newest first, down to and with `lowest`, until `body` says false.
template <typename Body>
void for_windows(std::int64_t newest, std::int64_t lowest, const Body& body) {
  for (auto last = newest; last >= lowest && last > 0; last -= kWindowEntries) {
    if (!body(std::max(last - kWindowEntries, lowest - 1), last)) return;
  }
}

/// Fills in who has the label, the first that appeared first.
void find_namesakes(SQLite::Database& database, const std::string& label,
                    const std::string& condition, std::int64_t newest, std::int64_t lowest,
                    FoundSubject& found) {
  std::map<std::pair<std::string, std::string>, std::int64_t> first;
  SQLite::Statement row(database,
                        "select e.subject, (select d.name from definition d"
                        "   where d.id = e.definition), min(e.seq)"
                        " from entry e where e.seq > ?1 and e.seq <= ?2 and e.label = ?3"
                        " and e.subject is not null" +
                            condition + " group by e.subject, e.definition");
  for_windows(newest, lowest, [&](std::int64_t after, std::int64_t last) {
    row.bind(1, after);
    row.bind(2, last);
    row.bind(3, label);
    while (row.executeStep() && first.size() <= kNamesakes) {
      const auto seq = row.getColumn(2).getInt64();
      auto& known = first[{row.getColumn(1).getString(), row.getColumn(0).getString()}];
      known = known == 0 ? seq : std::min(known, seq);
    }
    row.reset();
    return first.size() <= kNamesakes;
  });
  std::vector<std::pair<std::int64_t, FoundSubject::Candidate>> by_seq;
  for (const auto& [who, seq] : first) by_seq.push_back({seq, {who.first, who.second}});
  std::sort(by_seq.begin(), by_seq.end(),
            [](const auto& left, const auto& right) { return left.first < right.first; });
  found.has_more_namesakes = by_seq.size() > kNamesakes;
  by_seq.resize(std::min(by_seq.size(), kNamesakes));
  for (auto& [seq, candidate] : by_seq) found.namesakes.push_back(std::move(candidate));
}

/// Keys before and after in the order of the index. Each is sought anew: one that has many entries
/// would have to be read through otherwise.
std::vector<std::string> neighbours(SQLite::Database& database, const std::string& key) {
  std::vector<std::string> keys;
  for (const auto& [side, order] : {std::pair(">", "asc"), std::pair("<", "desc")}) {
    SQLite::Statement row(
        database, fmt::format("select subject from entry where subject is not null and subject {} ?"
                              " order by subject {} limit 1",
                              side, order));
    std::string from = key;
    for (int number = 0; number < kNeighbours; ++number) {
      row.bind(1, from);
      if (!row.executeStep()) break;
      from = row.getColumn(0).getString();
      row.reset();
      keys.push_back(from);
    }
  }
  return keys;
}

std::size_t common_prefix(std::string_view left, std::string_view right) {
  const auto length = std::min(left.size(), right.size());
  std::size_t same = 0;
  while (same < length && left[same] == right[same]) ++same;
  return same;
}

/// Keys and labels of the newest entries, once each.
std::vector<std::string> newest_names(SQLite::Database& database, std::int64_t newest) {
  std::set<std::string> names;
  SQLite::Statement row(database,
                        "select subject, label from entry where seq > ? and subject is not null");
  row.bind(1, newest - kComparedEntries);
  while (row.executeStep()) {
    names.insert(row.getColumn(0).getString());
    if (!row.getColumn(1).isNull()) names.insert(row.getColumn(1).getString());
  }
  return {names.begin(), names.end()};
}

/// What is alike, the likest first: a slip of the finger, then what begins with the word, then the
/// neighbours of the key with the longest beginning in common.
std::vector<std::string> alike(SQLite::Database& database, const std::string& word,
                               std::int64_t newest) {
  auto keys = neighbours(database, word);
  auto names = newest_names(database, newest);
  std::vector<std::string> found;
  const auto add = [&](const std::string& name) {
    if (found.size() < kSuggestions && std::find(found.begin(), found.end(), name) == found.end()) {
      found.push_back(name);
    }
  };
  for (const auto& candidates : {names, keys}) {
    if (const auto near = nearest(word, candidates)) add(*near);
  }
  for (const auto& name : names) {
    if (!word.empty() && name.starts_with(word)) add(name);
  }
  std::stable_sort(keys.begin(), keys.end(), [&](const auto& left, const auto& right) {
    return common_prefix(left, word) > common_prefix(right, word);
  });
  for (const auto& key : keys) {
    if (common_prefix(key, word) > 0) add(key);
  }
  return found;
}

}  // namespace

std::string condition_of(SQLite::Database& database, const std::vector<std::string>& convergers) {
  if (convergers.empty()) return {};
  return fmt::format(" and +definition in ({})", definition_list(database, convergers));
}

FoundSubject find_subject(SQLite::Database& database, const StoryFilter& filter,
                          std::int64_t label_entries) {
  FoundSubject found;
  const auto condition = condition_of(database, filter.convergers);
  if (has_entries(database, filter.subject, condition)) {
    found.subject = filter.subject;
    return found;
  }
  found.known_to_others = !condition.empty() && has_entries(database, filter.subject, {});
  const auto [newest, oldest] = bounds_of(database);
  const auto lowest = std::max(oldest, newest - label_entries + 1);
  found.labels_searched = newest == 0 ? 0 : newest - lowest + 1;
  find_namesakes(database, filter.subject, condition, newest, lowest, found);
  const auto one = [&](const auto& candidate) {
    return candidate.subject == found.namesakes.front().subject;
  };
  if (found.namesakes.empty()) {
    found.near = alike(database, filter.subject, newest);
  } else if (std::all_of(found.namesakes.begin(), found.namesakes.end(), one)) {
    found.subject = found.namesakes.front().subject;
    found.namesakes.clear();
  }
  return found;
}

}  // namespace converge::journal
