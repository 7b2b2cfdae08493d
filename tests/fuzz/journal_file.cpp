// A journal is damaged (`damage_journal`; a first byte of `B` takes one with blocks) and then read
// in every way. Each of them tells what it read or an `Error`, and leaves no file open; and when
// the journal verifies up to the head that was kept elsewhere, then all its entries are as they
// were written. Opening it for writing is an `Error`, or the file takes another entry: after which
// a journal that was whole is whole.

#include "journal/extent.h"
#include "journal/health.h"
#include "journal/journal.h"
#include "journal/reader.h"
#include "journal/story.h"
#include "tests/fuzz/journal_damage.h"
#include "tests/fuzz/journal_seed.h"
#include "tests/fuzz/target.h"
#include "tests/support/temp_dir.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>

namespace converge::fuzz {
namespace {

using namespace journal;

constexpr const char* kConverger = "archive_account";

std::ptrdiff_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

bool is_whole(const std::filesystem::path& file, const Head& kept) {
  bool whole = false;
  error_of([&] {
    const auto found = Reader(file).verify({}, kept);
    claim(found.broken_seq.has_value() == !found.reason.empty(), "a verdict without a reason");
    claim(is_readable(found.reason), "a reason cannot be read", found.reason);
    claim(found.entries >= 0, "fewer entries than none");
    whole = !found.broken_seq;
  });
  return whole;
}

void read_all(const std::filesystem::path& file) {
  const auto pass_over = [](const StoredEntry& /*entry*/) {};
  error_of([&] { entries_of(file); });
  error_of([&] { Reader(file).newest({.subject = "3"}, pass_over); });
  error_of([&] { Reader(file).newest_first({.grep = "owner"}, pass_over); });
  error_of([&] { Reader(file).state(); });
  error_of([&] { Reader(file).owed(kConverger, [](const Owed& /*owed*/) {}); });
  error_of([&] { Reader(file).last_outside(kConverger, "tell the owner", {"3", "9"}); });
  error_of([&] { Reader(file).update_seen(); });
  error_of([&] { extent_of(file); });
  error_of([&] { look_at(file, std::chrono::seconds(10)); });
  error_of([&] {
    StoryReader reader(file);
    const StoryFilter filter{.subject = "3"};
    reader.find({.subject = "3@example.com"});
    reader.tell(filter, reader.summary(filter).last_seq, [](const StoryEntry& /*entry*/) {});
  });
}

bool append(const std::filesystem::path& file) {
  const auto error = error_of([&] {
    Journal journal(file, "fuzz", [](const std::string& /*notice*/) {});
    PassId pass;
    journal.append(pass, {.kind = Kind::clock, .detail = "{}"});
    journal.unsettled();
    journal.standing(kConverger);
    journal.owed(kConverger, {.size = 10});
  });
  return !error;
}

}  // namespace

void journal_file(std::string_view input) {
  const bool blocks = input.starts_with('B');
  const auto& seed = blocks ? journal_seed_with_blocks() : journal_seed();
  const auto before = open_files();
  {
    const tests::TempDir directory;
    const auto file = directory / "journal.db";
    write_journal(seed, file);
    damage_journal(file, input.substr(blocks ? 1 : 0));
    const bool whole = is_whole(file, seed.head);
    if (whole) claim(entries_of(file) == seed.entries, "whole, and not as it was written");
    error_of([&] { Reader(file).statistics({.first_us = 0, .last_us = INT64_MAX / 2}); });
    // What does not look at blocks need not read so many entries.
    if (!blocks) read_all(file);
    const bool appended = append(file);
    if (whole && appended) claim(is_whole(file, seed.head), "broken by another entry");
  }
  claim(open_files() == before, "a file is left open");
}

}  // namespace converge::fuzz
