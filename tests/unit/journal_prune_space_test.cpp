#define BOOST_TEST_DYN_LINK
#include "tests/unit/journal_pruned.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_prune_space, Pruned)

BOOST_AUTO_TEST_CASE(space_is_given_back) {
  auto journal = open();
  append_settled(journal, 5000, "a", 500);
  const auto before_us = mark();
  append_settled(journal, 3, "b");
  run_sql(file, "pragma wal_checkpoint(truncate)");
  const auto size_bytes = std::filesystem::file_size(file);
  BOOST_TEST(prune_before(before_us).space_kept == "");
  BOOST_TEST(std::filesystem::file_size(file) < size_bytes / 5);
  BOOST_TEST(std::filesystem::file_size(file.string() + "-wal") == 0u);
  BOOST_TEST(ask_sql(file, "pragma freelist_count") == "0");
}

BOOST_AUTO_TEST_CASE(journal_of_version_1_is_converted_when_space_is_given_back) {
  {
    auto journal = open();
    append_settled(journal, 5000, "a", 500);
  }
  const auto before_us = mark();
  run_sql(file,
          "pragma journal_mode = delete; pragma auto_vacuum = none; vacuum;"
          "pragma journal_mode = wal");
  BOOST_REQUIRE(ask_sql(file, "pragma auto_vacuum") == "0");
  const auto size_bytes = std::filesystem::file_size(file);
  {
    auto journal = open();
    append_settled(journal, 3, "b");
  }
  const auto before = hashes_in(file);
  BOOST_TEST(prune_before(before_us).space_kept == "");
  require_moved(before);
  BOOST_TEST(std::filesystem::file_size(file) < size_bytes / 5);
  BOOST_TEST(ask_sql(file, "pragma auto_vacuum") == "2");
}

BOOST_AUTO_TEST_CASE(full_disk_leaves_no_archive_and_the_whole_journal) {
  auto journal = open();
  append_settled(journal, 5000, "a", 500);
  const auto before_us = mark();
  append_settled(journal, 3, "b");
  const auto before = hashes_in(file);
  const auto error = [&] {
    const FileSizeLimit limit(500'000);
    return error_of([&] { prune_before(before_us); });
  }();
  BOOST_TEST((error.kind() == ErrorKind::failure));
  BOOST_TEST(std::string(error.what()).starts_with(archive.string() + " cannot be written: "));
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    BOOST_TEST(entry.path().filename() == "state");
  }
  BOOST_TEST((hashes_in(file) == before));
  prune_before(before_us);
  require_moved(before);
}

BOOST_AUTO_TEST_CASE(disk_that_fills_while_deleting_loses_nothing) {
  auto journal = open();
  append_settled(journal, 20'000, "a", 300);
  const auto before_us = mark();
  append_settled(journal, 3, "b");
  const auto before = hashes_in(file);
  run_sql(file, "pragma wal_checkpoint(truncate)");
  int chunks = 0;
  const auto error = [&] {
    // Room for one chunk in the WAL and not for two; the archive is there by then.
    std::optional<FileSizeLimit> limit;
    return error_of([&] {
      prune_before(before_us, [&](UpkeepStage stage, auto, auto) {
        if (stage == UpkeepStage::deleting && ++chunks == 1) {
          limit.emplace(std::filesystem::file_size(file.string() + "-wal") + 8192);
        }
      });
    });
  }();
  BOOST_TEST(chunks == 1);
  BOOST_TEST((error.kind() == ErrorKind::failure));
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(prune_before(before_us).resumed);
  require_moved(before);
}

BOOST_AUTO_TEST_SUITE_END()
