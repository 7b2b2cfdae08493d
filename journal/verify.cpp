#include "journal/verify.h"

#include "journal/database.h"
#include "src/base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

namespace converge::journal {
namespace {

/// Some 80,000 entries.
constexpr int kStretchBlocks = 16;
constexpr std::int64_t kStretchEntries = 80'000;
/// Each has a connection with a page cache of 2 MiB.
constexpr std::int64_t kMostThreads = 8;

std::optional<std::int64_t> number_in(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional<std::int64_t>(column.getInt64());
}

std::optional<TimesUs> times_in(const SQLite::Column& least, const SQLite::Column& greatest) {
  return least.isNull() ? std::nullopt
                        : std::optional(TimesUs(least.getInt64(), greatest.getInt64()));
}

}  // namespace

Verifier::Verifier(const std::filesystem::path& file, SQLite::Database& database,
                   const std::function<void(std::int64_t, std::int64_t)>& progress,
                   const std::optional<Head>& kept)
    : file_(file), database_(database), progress_(progress), kept_(kept) {}

Verification Verifier::run() {
  do {
    result_ = {};
    proven_seq_ = 0;
    try {
      verify_once();
    } catch (const Defect& defect) {
      result_.broken_seq = defect.seq;
      result_.reason = defect.reason;
    } catch (const SQLite::Exception& error) {
      if (!is_corruption(error)) {
        throw;
      }
      result_.broken_seq = proven_seq_ + 1;
      result_.reason = fmt::format("the file is damaged: {}", error.what());
    }
  } while (result_.broken_seq && was_pruned_meanwhile());
  const auto sound = std::min(result_.broken_seq.value_or(INT64_MAX) - 1, result_.head_seq);
  result_.entries = std::max<std::int64_t>(sound - bounds_.pruned_seq, 0);
  return std::move(result_);
}

void Verifier::verify_once() {
  read_bounds();
  names_ = read_names(database_);
  walk();
  walk_from_complaint();
  proven_seq_ = bounds_.head_seq;
  check_end();
  check_blocks();
  check_unsettled();
  check_kept();
  if (progress_ && proven_seq_ > bounds_.pruned_seq) {
    progress_(proven_seq_ - bounds_.pruned_seq, proven_seq_ - bounds_.pruned_seq);
  }
}

/// Then what was missing may be what was pruned. It ends, as each time there is less to prune; a
/// start that could not be read together with the rest is looked at once more, and then damaged.
bool Verifier::was_pruned_meanwhile() {
  try {
    SQLite::Statement row(database_, "select pruned_seq from chain");
    if (!row.executeStep()) {
      return false;
    }
    const auto seen = std::max(bounds_.pruned_seq, seen_pruned_seq_);
    seen_pruned_seq_ = row.getColumn(0).getInt64();
    return seen_pruned_seq_ > seen;
  } catch (const SQLite::Exception&) {
    return false;  // What was found is worse than that.
  }
}

void Verifier::read_bounds() {
  bounds_ = {};
  SQLite::Statement row(database_,
                        "select journal_id, pruned_seq, pruned_hash, head_seq, head_hash,"
                        " block_first_seq, block_min_us, block_max_us,"
                        " (select max(seq) from entry), (select min(seq) from entry) from chain");
  if (!row.executeStep()) {
    throw Defect{1, "the table chain is empty"};
  }
  bounds_.journal_id = row.getColumn(0).getString();
  bounds_.pruned_seq = proven_seq_ = result_.pruned_seq = row.getColumn(1).getInt64();
  bounds_.head_seq = result_.head_seq = row.getColumn(3).getInt64();
  bounds_.head_hash = row.getColumn(4).getString();
  result_.head_hash = hex(bounds_.head_hash);
  bounds_.open_block_first_seq = row.getColumn(5).getInt64();
  bounds_.open_block_us = times_in(row.getColumn(6), row.getColumn(7));
  greatest_seq_ = number_in(row.getColumn(8)).value_or(bounds_.pruned_seq);
  const auto before = digest_of(row.getColumn(2).getString());
  if (!before || (bounds_.pruned_seq == 0 && *before != first_hash(bounds_.journal_id))) {
    throw Defect{bounds_.pruned_seq + 1,
                 "the hash before the first entry is not that of this journal"};
  }
  bounds_.pruned_hash = *before;
  if (const auto least = number_in(row.getColumn(9)); least && *least <= bounds_.pruned_seq) {
    throw Defect{*least, "the entry stands before the start of the chain"};
  }
}

// The walk.

void Verifier::walk() {
  handed_out_seq_ = bounds_.pruned_seq;
  handed_out_hash_ = bounds_.pruned_hash;
  done_ = 0;
  complaint_.reset();
  unsettled_.clear();
  end_ = {.hash = bounds_.pruned_hash};
  const auto stretches = (bounds_.head_seq - bounds_.pruned_seq) / kStretchEntries + 1;
  const auto threads = std::min<std::int64_t>(
      {std::max<std::int64_t>(std::thread::hardware_concurrency(), 1), kMostThreads, stretches});
  {
    std::vector<std::jthread> helpers;
    try {
      while (static_cast<std::int64_t>(helpers.size()) + 1 < threads) {
        helpers.emplace_back([this] { work(false); });
      }
    } catch (const std::system_error&) {
      // The system gives no more threads: those that there are do it all.
    }
    work(true);
  }
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

/// `tells` the progress: one thread does, the caller's.
void Verifier::work(bool tells) {
  try {
    work_off(tells);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

void Verifier::work_off(bool tells) {
  const auto database = connect();
  StretchWalk walk(*database, names_, bounds_);
  while (const auto stretch = next_stretch()) {
    try {
      walk.begin(*stretch);
      std::int64_t entries = 0;
      while ((entries = walk.next_page()) > 0) {
        if (!proceed(*stretch, entries, tells)) {
          return;
        }
      }
      finish(*stretch, walk);
    } catch (const Defect&) {
      complain(*stretch);
    }
  }
}

std::unique_ptr<SQLite::Database> Verifier::connect() const {
  auto database = open_for_reading(file_);
  SQLite::Statement row(*database, "select journal_id from chain");
  if (!row.executeStep() || row.getColumn(0).getString() != bounds_.journal_id) {
    throw Error(ErrorKind::failure,
                fmt::format("journal {} was replaced while it was read", file_.string()),
                "Run the command again; what was there before may have been moved aside.");
  }
  row.reset();
  return database;
}

std::optional<Stretch> Verifier::next_stretch() {
  const std::lock_guard lock(mutex_);
  if (complaint_ || failure_ || handed_out_seq_ >= bounds_.head_seq) {
    return std::nullopt;
  }
  Stretch stretch{.after = handed_out_seq_, .before = handed_out_hash_, .last = bounds_.head_seq};
  if (const auto cut = cut_after(handed_out_seq_)) {
    stretch.last = cut->last;
    stretch.closing = cut->closing;
    handed_out_hash_ = *cut->closing;
  }
  handed_out_seq_ = stretch.last;
  return stretch;
}

/// The last entry of a block and its hash; nullopt when the rest should stay in one piece, which
/// includes that the blocks cannot be read: the walk will tell where.
std::optional<Stretch> Verifier::cut_after(std::int64_t seq) {
  try {
    SQLite::Statement row(database_,
                          "select last_seq, hash from block where last_seq > ? and last_seq < ?"
                          " order by last_seq limit 1 offset ?");
    row.bind(1, seq);
    row.bind(2, std::min(bounds_.open_block_first_seq, bounds_.head_seq));
    row.bind(3, kStretchBlocks - 1);
    if (!row.executeStep()) {
      return std::nullopt;
    }
    const auto closing = digest_of(row.getColumn(1).getString());
    return closing ? std::optional(Stretch{.last = row.getColumn(0).getInt64(), .closing = closing})
                   : std::nullopt;
  } catch (const SQLite::Exception& error) {
    if (!is_corruption(error)) {
      throw;
    }
    return std::nullopt;
  }
}

/// Whether the rest of the stretch still matters.
bool Verifier::proceed(const Stretch& stretch, std::int64_t entries, bool tells) {
  std::int64_t done = 0;
  {
    const std::lock_guard lock(mutex_);
    done = done_ += entries;
    if (failure_ || (complaint_ && complaint_->after < stretch.after)) {
      return false;
    }
  }
  if (tells && progress_) {
    progress_(done, bounds_.head_seq - bounds_.pruned_seq);
  }
  return true;
}

void Verifier::complain(const Stretch& stretch) {
  const std::lock_guard lock(mutex_);
  if (!complaint_ || stretch.after < complaint_->after) {
    complaint_ = stretch;
  }
}

void Verifier::finish(const Stretch& stretch, const StretchWalk& walk) {
  if (stretch.closing && (walk.inside_block() || walk.hash() != stretch.closing)) {
    complain(stretch);
    return;
  }
  const std::lock_guard lock(mutex_);
  unsettled_.insert(walk.unsettled().begin(), walk.unsettled().end());
  if (stretch.last == bounds_.head_seq) {
    end_ = {.hash = walk.hash(), .inside_block = walk.inside_block(), .times_us = walk.times_us()};
  }
}

/// All stretches before it had nothing to complain of, so its start is proven.
void Verifier::walk_from_complaint() {
  if (!complaint_) {
    return;
  }
  const Stretch rest{
      .after = complaint_->after, .before = complaint_->before, .last = bounds_.head_seq};
  StretchWalk walk(database_, names_, bounds_);
  walk.begin(rest);
  while (walk.next_page() > 0) {
  }
  finish(rest, walk);
}

// The end.

void Verifier::check_end() {
  if (bytes_of(end_.hash) != bounds_.head_hash) {
    throw Defect{bounds_.head_seq, "the recorded head has another hash"};
  }
  if (greatest_seq_ > bounds_.head_seq) {
    throw Defect{bounds_.head_seq + 1, "the entry stands after the recorded head"};
  }
  if (end_.inside_block || end_.times_us != bounds_.open_block_us) {
    throw Defect{bounds_.head_seq, "the recorded times of the newest entries are others"};
  }
}

/// The walk went from block to block, as far as the recorded open block let it, and passed over one
/// that none leads to. The open block itself may have been sealed meanwhile, with younger entries.
void Verifier::check_blocks() {
  SQLite::Statement row(
      database_,
      "select first_seq from (select first_seq,"
      " lag(last_seq, 1, first_seq - 1) over (order by first_seq) as before from block"
      " where first_seq < :open or last_seq <= :head)"
      " where first_seq <> before + 1 or first_seq >= :open limit 1");
  row.bind(":open", bounds_.open_block_first_seq);
  row.bind(":head", bounds_.head_seq);
  if (row.executeStep()) {
    throw Defect{row.getColumn(0).getInt64(),
                 "the block that begins with it does not belong there"};
  }
}

/// Derived, but recovery trusts it. Transactions may have been settled since the walk began, or in
/// another stretch.
void Verifier::check_unsettled() {
  SQLite::Statement row(database_, "select seq from unsettled where seq <= ? order by seq");
  row.bind(1, bounds_.head_seq);
  std::set<std::int64_t> listed;
  while (row.executeStep()) {
    listed.insert(row.getColumn(0).getInt64());
  }
  SQLite::Statement outcome(database_, "select min(seq) from entry where kind = 4 and txn = ?");
  for (const auto seq : unsettled_) {
    outcome.bind(1, seq);
    outcome.executeStep();
    const auto settled = number_in(outcome.getColumn(0));
    outcome.reset();
    if (settled && *settled <= bounds_.head_seq) {
      continue;
    }
    if (listed.erase(seq) == 0 && !settled) {
      throw Defect{seq, "it has no outcome and is not listed as unsettled"};
    }
  }
  if (!listed.empty()) {
    throw Defect{*listed.begin(), "it is listed as unsettled and is not"};
  }
}

/// The chain proves itself against nothing but what is in the same file; this is the witness.
void Verifier::check_kept() {
  if (!kept_ || kept_->seq < bounds_.pruned_seq) {
    return;
  }
  if (kept_->seq > bounds_.head_seq) {
    throw Defect{bounds_.head_seq + 1,
                 fmt::format("the entry is missing, and so are all others up to {}, the head that "
                             "was kept elsewhere",
                             kept_->seq)};
  }
  std::string hash = hex(bounds_.pruned_hash);
  if (kept_->seq > bounds_.pruned_seq) {
    SQLite::Statement row(database_, "select hash from entry where seq = ?");
    row.bind(1, kept_->seq);
    hash = row.executeStep() ? hex(row.getColumn(0).getString()) : "";
  }
  if (hash != kept_->hash) {
    throw Defect{kept_->seq, fmt::format("its hash is {} and not the one that was kept elsewhere: "
                                         "it or entries before it were written anew",
                                         hash)};
  }
}

}  // namespace converge::journal
