#include "journal/reader.h"
#include "journal/watch.h"
#include "src/cli/command.h"
#include "src/cli/detail_text.h"
#include "src/cli/entry_filter.h"
#include "src/cli/history.h"
#include "src/cli/journal_upkeep.h"
#include "src/cli/narrow_table.h"
#include "src/cli/output.h"
#include "src/cli/pager.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

namespace converge::cli {

namespace {

struct JournalRequest {
  FilterRequest filter;
  bool follow = false;
  bool reverse = false;
  bool no_pager = false;
};

/// Prints entries as they come, many at a time.
class Printer {
 public:
  /// Standard output may be a pager by the time it prints, so the columns are told.
  Printer(const Common& common, bool steps, std::size_t columns)
      : common_(common), steps_(steps), table_(columns) {}

  void add(const journal::StoredEntry& entry) {
    if (common_.json()) {
      text_ += steps_ ? steps_json(entry) : entry_json(entry);
      if (text_.size() > kBuffered) flush();
      return;
    }
    if (common_.output == "full" && !steps_) {
      text_ += entry_full(entry);
      if (text_.size() > kBuffered) flush();
      return;
    }
    if (steps_) {
      for (auto& row : describe_steps(entry)) table_.add(std::move(row));
    } else {
      table_.add(describe_entry(entry));
    }
    if (++rows_ % kAligned == 0) flush();
  }

  void flush() {
    text_ += table_.take();
    if (!text_.empty()) print(std::exchange(text_, {}));
  }

 private:
  /// Entries whose columns are aligned with each other at once; a column never gets narrower.
  static constexpr std::size_t kAligned = 200;
  static constexpr std::size_t kBuffered = std::size_t{64} * 1024;

  const Common& common_;
  bool steps_;
  SentenceTable table_;
  std::string text_;
  std::size_t rows_ = 0;
};

/// The journal that has taken the place of the one that was read, or none while it is being made.
std::unique_ptr<journal::Reader> reopen(const std::filesystem::path& file) {
  try {
    return std::make_unique<journal::Reader>(file);
  } catch (const Error&) {
    return nullptr;
  }
}

/// Prints what is appended, batch by batch, and what a filter by outcome lets through once it is
/// known how its transaction ended.
class Follower {
 public:
  Follower(journal::Filter filter, std::int64_t seq, Printer& printer)
      : filter_(std::move(filter)), seq_(seq), printer_(printer) {
    filter_.newest = INT64_MAX;
    // How transactions end is told here, as their inconsistencies were printed before they had.
    if (filter_.kinds.empty()) filter_.bookkeeping = true;
  }

  void read_on(journal::Reader& reader) {
    const std::int64_t head = reader.head().seq;
    if (head == seq_) return;
    filter_.last_seq = head;
    reader.after(seq_, filter_, [&](const journal::StoredEntry& entry) {
      if (entry.entry.txn && !filter_.outcomes.empty()) told_.insert(*entry.entry.txn);
      printer_.add(entry);
    });
    if (!filter_.outcomes.empty()) print_settled(reader, head);
    seq_ = std::max(seq_, head);
    printer_.flush();
  }

  void begin_anew(std::int64_t seq) {
    seq_ = seq;
    told_.clear();
  }
  std::int64_t seq() const { return seq_; }

 private:
  /// What was appended before, and matches since its outcome is there.
  void print_settled(journal::Reader& reader, std::int64_t head) {
    std::vector<std::int64_t> settled;
    journal::Filter outcomes{.kinds = {journal::Kind::outcome}, .last_seq = head};
    reader.after(seq_, outcomes, [&](const journal::StoredEntry& entry) {
      const std::int64_t txn = entry.entry.txn.value_or(0);
      if (told_.erase(txn) == 0) settled.push_back(txn);
    });
    for (const std::int64_t txn : settled) {
      journal::Filter of_it = filter_;
      of_it.txn = txn;
      of_it.last_seq = seq_;
      reader.newest(of_it, [&](const journal::StoredEntry& entry) { printer_.add(entry); });
    }
  }

  journal::Filter filter_;
  std::int64_t seq_;
  Printer& printer_;
  std::set<std::int64_t> told_;  ///< Transactions that were printed before their outcome was met.
};

/// Prints what is appended after the entry `seq`, until it is interrupted.
void follow(const std::filesystem::path& file, const journal::Filter& filter, std::int64_t seq,
            journal::Watch& watch, Printer& printer) {
  constexpr std::chrono::seconds kLongest{2};         // Should the kernel forget to tell.
  constexpr std::chrono::milliseconds kTogether{20};  // A burst is read at once.
  Follower follower(filter, seq, printer);
  auto reader = std::make_unique<journal::Reader>(file);
  std::string id = reader->journal_id();
  while (true) {
    watch.wait(kLongest);
    if (reader && !reader->is_current()) {
      print_notice(fmt::format("journal {} was replaced by another one", file.string()));
      reader.reset();
    }
    if (!reader && (reader = reopen(file))) {
      // A copy that was put back has what was printed already.
      const bool same = std::exchange(id, reader->journal_id()) == id;
      follower.begin_anew(same ? std::min(follower.seq(), reader->head().seq) : 0);
    }
    if (!reader) continue;
    follower.read_on(*reader);
    std::this_thread::sleep_for(kTogether);
  }
}

int read(const JournalRequest& request, const Common& common) {
  journal::Filter filter = filter_of(request.filter);
  if (request.follow && filter.until_us) {
    throw Error(ErrorKind::usage, "--follow goes on for ever, and --until ends",
                "Leave one of them out.");
  }
  const config::Config config = config::load(common.flags);
  // Before anything is read, so that nothing is appended unseen in between.
  std::optional<journal::Watch> watch;
  if (request.follow) watch.emplace(config.journal);
  journal::Reader reader(config.journal);
  require_known_convergers(request.filter.convergers, reader.convergers(), config);
  // Transactions and their outcomes are told with the inconsistencies they settle.
  filter.bookkeeping = common.json() || !filter.outcomes.empty() || filter.pass.has_value();
  const std::int64_t head = reader.head().seq;
  filter.last_seq = head;
  tell_what_was_pruned(config.journal);
  const auto columns = terminal_columns();
  const Pager pager(!request.follow && !request.no_pager);
  Printer printer(common, request.filter.steps(), columns);
  const auto add = [&](const journal::StoredEntry& entry) { printer.add(entry); };
  if (request.reverse) {
    reader.newest_first(filter, add);
  } else {
    reader.newest(filter, add);
  }
  printer.flush();
  if (request.follow) follow(config.journal, filter, head, *watch, printer);
  return kDone;
}

}  // namespace

std::function<int()> define_journal(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<JournalRequest>();
  add_filter_options(app, request->filter);
  CLI::Option* follow =
      app.add_flag("-f,--follow", request->follow, "then print what is appended, as it comes");
  app.add_flag("-r,--reverse", request->reverse, "newest first")->excludes(follow);
  app.add_flag("--no-pager", request->no_pager, "print to a terminal without a pager");
  const auto check = define_journal_verify(app, common);
  const auto upkeep = add_journal_upkeep(app, common);
  app.require_subcommand(0, 1);
  return [request, check, upkeep, &common] {
    if (check.app->parsed()) return check.run();
    if (const auto status = upkeep()) return *status;
    return read(*request, common);
  };
}

}  // namespace converge::cli
