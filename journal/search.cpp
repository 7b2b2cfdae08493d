#include "journal/search.h"

#include "journal/convergers.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace converge::journal {

using Order = Search::Order;

/// Gives matches of one kind in order; none at its end.
class Search::Source {
 public:
  virtual ~Source() = default;
  virtual std::vector<std::int64_t> next(std::size_t at_most) = 0;
};

/// A source, and what it gave that was not taken yet, the next at the back.
struct Search::Front {
  std::unique_ptr<Source> source;
  std::vector<std::int64_t> given = {};
  bool over = false;
};

namespace {

/// Rows that a window without an index may look at.
constexpr std::int64_t kScanned = 65'536;
constexpr std::int64_t kFirstWindow = 4'096;
constexpr std::int64_t kWidestWindow = std::int64_t{1} << 40;

constexpr std::size_t kMostRanges = 100;  ///< SQLite joins 500 at most.

/// The seqs between which everything lies that may match, both included.
struct Bounds {
  std::int64_t first = 1;
  std::int64_t last = 0;
};

std::string numbers_of(const auto& values) {
  std::vector<std::int64_t> numbers;
  for (const auto value : values) numbers.push_back(static_cast<std::int64_t>(value));
  return fmt::format("{}", fmt::join(numbers, ", "));
}

bool is_rare(Kind kind) { return kind > Kind::outcome; }

/// How an entry's transaction or attempt ended: the newest of its outcome entries tells.
constexpr const char* kSettled =
    "coalesce(case when kind in (1, 3) then (select o.outcome from entry o where o.kind = 4 and "
    "o.txn = entry.seq order by o.seq desc limit 1) when kind = 2 then (select o.outcome from "
    "entry o where o.kind = 4 and o.txn = entry.txn order by o.seq desc limit 1) end, outcome)";

std::vector<std::int64_t> numbers(SQLite::Database& database, const std::string& query) {
  std::vector<std::int64_t> all;
  SQLite::Statement row(database, query);
  while (row.executeStep()) all.push_back(row.getColumn(0).getInt64());
  return all;
}

/// Everything that the filter asks of a single entry, for a scan or after an index.
std::string condition_of(SQLite::Database& database, const Filter& filter) {
  std::vector<std::string> all = {"true"};
  if (!filter.convergers.empty()) {
    all.push_back(fmt::format("+definition in ({})", definition_list(database, filter.convergers)));
  }
  if (filter.subject) all.emplace_back("+subject = :subject");
  if (!filter.kinds.empty()) {
    all.push_back(fmt::format("+kind in ({})", numbers_of(filter.kinds)));
  } else if (!filter.bookkeeping) {
    all.emplace_back("+kind not in (1, 4)");
  }
  if (filter.actor) {
    all.emplace_back("actor in (select id from actor where name = :actor)");
  }
  if (filter.pass) all.push_back(fmt::format("pass = {}", *filter.pass));
  if (filter.since_us) all.push_back(fmt::format("time_us >= {}", *filter.since_us));
  if (filter.until_us) all.push_back(fmt::format("time_us <= {}", *filter.until_us));
  if (!filter.outcomes.empty()) {
    all.push_back(fmt::format("{} in ({})", kSettled, numbers_of(filter.outcomes)));
  }
  if (filter.grep) {
    const bool exact = std::any_of(filter.grep->begin(), filter.grep->end(),
                                   [](unsigned char c) { return c >= 'A' && c <= 'Z'; });
    const char* text =
        "coalesce(subject, '') || char(10) || coalesce(label, '') || char(10) || "
        "coalesce(detail, '')";
    all.push_back(exact ? fmt::format("instr({}, :grep) > 0", text)
                        : fmt::format("instr(lower({}), :grep) > 0", text));
  }
  return fmt::format("{}", fmt::join(all, " and "));
}

void bind_condition(SQLite::Statement& statement, const Filter& filter,
                    const std::string& condition) {
  if (filter.subject) statement.bind(":subject", *filter.subject);
  if (filter.actor) statement.bind(":actor", *filter.actor);
  if (condition.find(":grep") != std::string::npos) statement.bind(":grep", *filter.grep);
}

/// Narrows by time. Blocks are few: one for some thousand entries.
void narrow_by_time(SQLite::Database& database, const Filter& filter, Bounds& bounds) {
  if (!filter.since_us && !filter.until_us) return;
  SQLite::Statement row(
      database,
      "select min(first_seq), max(last_seq) from (select first_seq, last_seq, min_time_us, "
      "max_time_us from block union all select block_first_seq, head_seq, block_min_us, "
      "block_max_us from chain) where max_time_us >= ? and min_time_us <= ?");
  row.bind(1, filter.since_us.value_or(INT64_MIN));
  row.bind(2, filter.until_us.value_or(INT64_MAX));
  row.executeStep();
  if (row.getColumn(0).isNull()) {
    bounds = {};
    return;
  }
  bounds.first = std::max(bounds.first, row.getColumn(0).getInt64());
  bounds.last = std::min(bounds.last, row.getColumn(1).getInt64());
}

/// A pass begins with the entry that it is called by; its own entry is its last, but for what its
/// transactions came to later.
void narrow_by_pass(SQLite::Database& database, const Filter& filter, Bounds& bounds) {
  if (!filter.pass) return;
  bounds.first = std::max(bounds.first, *filter.pass);
  SQLite::Statement row(database,
                        "select seq from entry where kind > 4 and kind = 6 and seq >= ?1 and "
                        "pass = ?1 order by seq limit 1");
  row.bind(1, *filter.pass);
  if (!row.executeStep()) return;
  const auto own = row.getColumn(0).getInt64();
  SQLite::Statement settled(database,
                            "select max(seq) from entry where kind = 4 and txn >= ? and txn <= ?");
  settled.bind(1, *filter.pass);
  settled.bind(2, own);
  settled.executeStep();
  bounds.last = std::min(bounds.last, std::max(own, settled.getColumn(0).getInt64()));
}

Bounds bounds_of(SQLite::Database& database, const Filter& filter) {
  SQLite::Statement chain(database, "select pruned_seq + 1, head_seq from chain");
  chain.executeStep();
  Bounds bounds{.first = chain.getColumn(0).getInt64(), .last = chain.getColumn(1).getInt64()};
  if (filter.last_seq) bounds.last = std::min(bounds.last, *filter.last_seq);
  narrow_by_time(database, filter, bounds);
  narrow_by_pass(database, filter, bounds);
  return bounds;
}

/// The ranges of one index, or of the log itself, in windows.
class RangeSource : public Search::Source {
 public:
  /// Each of `ranges` is one range of an index in order of seq: SQLite would sort all matches, or
  /// scan the log, for a condition on several at once.
  RangeSource(SQLite::Database& database, const Filter& filter, Order order, Bounds bounds,
              const std::vector<std::string>& ranges, const std::string& condition)
      : ascending_(order == Order::oldest_first),
        left_(bounds),
        window_(kFirstWindow),
        widest_(ranges == std::vector<std::string>{"true"} ? kScanned : kWidestWindow),
        statement_(database, query(ranges, condition)) {
    bind_condition(statement_, filter, condition);
  }

  std::vector<std::int64_t> next(std::size_t at_most) override {
    std::vector<std::int64_t> found;
    while (found.empty() && left_.first <= left_.last) found = look(at_most);
    return found;
  }

 private:
  std::string query(const std::vector<std::string>& ranges, const std::string& condition) const {
    const char* order = ascending_ ? "asc" : "desc";
    std::vector<std::string> parts;
    for (const std::string& range : ranges) {
      parts.push_back(fmt::format(
          "select seq from (select seq from entry where {} and seq >= :first and seq <= "
          ":last and {} order by seq {} limit :limit)",
          range, condition, order));
    }
    return fmt::format("{} order by seq {} limit :limit", fmt::join(parts, " union all "), order);
  }

  std::vector<std::int64_t> look(std::size_t at_most) {
    const Bounds window = ascending_
                              ? Bounds{left_.first, std::min(left_.last, left_.first + window_ - 1)}
                              : Bounds{std::max(left_.first, left_.last - window_ + 1), left_.last};
    statement_.bind(":first", window.first);
    statement_.bind(":last", window.last);
    statement_.bind(":limit", static_cast<std::int64_t>(at_most));
    std::vector<std::int64_t> found;
    while (statement_.executeStep()) found.push_back(statement_.getColumn(0).getInt64());
    statement_.reset();
    const bool whole = found.size() < at_most;
    if (ascending_) {
      left_.first = (whole ? window.last : found.back()) + 1;
    } else {
      left_.last = (whole ? window.first : found.back()) - 1;
    }
    if (whole) window_ = std::min(window_ * 4, widest_);
    return found;
  }

  bool ascending_;
  Bounds left_;
  std::int64_t window_;
  std::int64_t widest_;
  SQLite::Statement statement_;
};

/// Transactions with their inconsistencies, which follow them in the log without a gap.
class TransactionSource : public Search::Source {
 public:
  TransactionSource(SQLite::Database& database, const Filter& filter, Order order, Bounds bounds,
                    std::vector<std::int64_t> transactions, const std::string& condition)
      : ascending_(order == Order::oldest_first),
        bounds_(bounds),
        left_(std::move(transactions)),
        statement_(
            database,
            fmt::format("select seq, seq = :txn or (kind = 2 and txn is :txn), {} from entry "
                        "where seq >= :txn and seq <= :last order by seq",
                        condition)) {
    std::sort(left_.begin(), left_.end());
    if (ascending_) std::reverse(left_.begin(), left_.end());
    bind_condition(statement_, filter, condition);
  }

  std::vector<std::int64_t> next(std::size_t /*at_most*/) override {
    std::vector<std::int64_t> found;
    while (found.empty() && !left_.empty()) {
      found = look(left_.back());
      left_.pop_back();
    }
    return found;
  }

 private:
  std::vector<std::int64_t> look(std::int64_t transaction) {
    statement_.bind(":txn", transaction);
    statement_.bind(":last", bounds_.last);
    std::vector<std::int64_t> found;
    while (statement_.executeStep() && statement_.getColumn(1).getInt() == 1) {
      const auto seq = statement_.getColumn(0).getInt64();
      if (seq >= bounds_.first && statement_.getColumn(2).getInt() == 1) found.push_back(seq);
    }
    statement_.reset();
    if (!ascending_) std::reverse(found.begin(), found.end());
    return found;
  }

  bool ascending_;
  Bounds bounds_;
  std::vector<std::int64_t> left_;  // The next at the back.
  SQLite::Statement statement_;
};

/// Those that ended in one of the outcomes, which are rare, or that have none yet.
std::vector<std::int64_t> unhappy_transactions(SQLite::Database& database, const Filter& filter) {
  auto all = numbers(database, fmt::format("select distinct txn from entry where kind = 4 and "
                                           "outcome > 2 and outcome in ({})",
                                           numbers_of(filter.outcomes)));
  const bool pending = std::find(filter.outcomes.begin(), filter.outcomes.end(),
                                 Outcome::pending) != filter.outcomes.end();
  if (pending) {
    const auto unsettled = numbers(database, "select seq from unsettled");
    all.insert(all.end(), unsettled.begin(), unsettled.end());
  }
  return all;
}

/// The ranges that hold all matches, of the narrowest index that the filter allows.
std::vector<std::string> ranges_of(SQLite::Database& database, const Filter& filter) {
  if (filter.subject) return {"subject = :subject"};
  std::vector<std::string> ranges;
  if (!filter.kinds.empty() && std::all_of(filter.kinds.begin(), filter.kinds.end(), is_rare)) {
    for (const Kind kind : filter.kinds) {
      ranges.push_back(fmt::format("kind > 4 and kind = {}", static_cast<int>(kind)));
    }
    return ranges;
  }
  const auto definitions = definitions_of(database, filter.convergers);
  if (filter.convergers.empty() || definitions.size() > kMostRanges) return {"true"};
  for (const auto& [number, name] : definitions) {
    ranges.push_back(fmt::format("definition = {}", number));
  }
  return ranges;
}

}  // namespace

Search::Search(SQLite::Database& database, const Filter& filter, Order order, std::int64_t from)
    : order_(order) {
  Bounds bounds = bounds_of(database, filter);
  if (order == Order::oldest_first) {
    bounds.first = std::max(bounds.first, from);
  } else {
    bounds.last = std::min(bounds.last, from);
  }
  const std::string condition = condition_of(database, filter);
  if (filter.txn) {
    fronts_.push_back({std::make_unique<TransactionSource>(
        database, filter, order, bounds, std::vector<std::int64_t>{*filter.txn}, condition)});
    return;
  }
  auto ranges = ranges_of(database, filter);
  const bool committed = std::find(filter.outcomes.begin(), filter.outcomes.end(),
                                   Outcome::committed) != filter.outcomes.end();
  if (!filter.outcomes.empty() && !committed && !filter.subject) {
    // What failed says so itself, in an entry of a rare kind or the outcome's; the others are told
    // by an entry of their own.
    fronts_.push_back({std::make_unique<TransactionSource>(
        database, filter, order, bounds, unhappy_transactions(database, filter), condition)});
    ranges.clear();
    for (const Outcome outcome : filter.outcomes) {
      ranges.push_back(
          fmt::format("kind = 4 and outcome > 2 and outcome = {}", static_cast<int>(outcome)));
    }
    ranges.emplace_back("kind > 4 and kind = 5");
    ranges.emplace_back("kind > 4 and kind = 6");
  }
  if (ranges.empty()) return;
  fronts_.push_back(
      {std::make_unique<RangeSource>(database, filter, order, bounds, ranges, condition)});
}

Search::~Search() = default;

std::vector<std::int64_t> Search::next(std::size_t at_most) {
  std::vector<std::int64_t> found;
  while (found.size() < at_most) {
    Front* nearest = nullptr;
    for (Front& front : fronts_) {
      if (front.given.empty() && !front.over) {
        front.given = front.source->next(at_most);
        front.over = front.given.empty();
        std::reverse(front.given.begin(), front.given.end());
      }
      if (front.given.empty()) continue;
      const bool nearer = nearest == nullptr || (order_ == Order::oldest_first
                                                     ? front.given.back() < nearest->given.back()
                                                     : front.given.back() > nearest->given.back());
      if (nearer) nearest = &front;
    }
    if (nearest == nullptr) break;
    found.push_back(nearest->given.back());
    nearest->given.pop_back();
    // One source alone may take long to find more than it has at hand.
    if (fronts_.size() == 1 && nearest->given.empty()) break;
  }
  return found;
}

}  // namespace converge::journal
