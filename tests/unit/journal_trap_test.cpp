#include "journal/key.h"
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <sys/stat.h>

namespace converge::tests {
namespace {

/// What somebody else may have put beside a journal whose directory others can write.
struct Trapped : JournalFixture {
  Trapped() { std::filesystem::create_directories(file.parent_path()); }
  std::filesystem::path beside(const std::string& suffix) const { return file.string() + suffix; }

  void append_something() {
    auto journal = open();
    journal::PassId pass;
    append_txn(journal, pass, 1);
  }

  std::filesystem::path victim = directory.write("victim", "theirs");
};

BOOST_FIXTURE_TEST_SUITE(journal_trap, Trapped)

BOOST_AUTO_TEST_CASE(link_in_the_place_of_the_journal_makes_no_file_elsewhere) {
  std::filesystem::create_symlink(directory / "elsewhere", file);
  BOOST_CHECK_THROW(append_something(), Error);
  BOOST_TEST(!std::filesystem::exists(directory / "elsewhere"));
}

BOOST_AUTO_TEST_CASE(link_in_the_place_of_the_lock_makes_no_file_elsewhere) {
  std::filesystem::create_symlink(directory / "elsewhere", beside(".lock"));
  BOOST_CHECK_THROW(append_something(), Error);
  BOOST_TEST(!std::filesystem::exists(directory / "elsewhere"));
}

BOOST_AUTO_TEST_CASE(link_in_the_place_of_a_new_key_is_not_written_through) {
  std::filesystem::create_symlink(victim, beside(".key.new"));
  const auto key = journal::load_or_make_key(beside(".key"));
  BOOST_TEST(key.size() == 32u);
  BOOST_TEST(read_text(victim) == "theirs");
  BOOST_TEST(read_text(beside(".key")) == key);
}

BOOST_AUTO_TEST_CASE(file_in_the_place_of_a_new_key_does_not_get_the_key) {
  const auto theirs = directory.write("state/journal.db.key.new", "");
  std::filesystem::create_hard_link(theirs, directory / "kept");
  const auto key = journal::load_or_make_key(beside(".key"));
  BOOST_TEST(read_text(directory / "kept") == "");
  struct stat status {};
  BOOST_REQUIRE(::stat(beside(".key").c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 07777U) == 0600U);
}

BOOST_AUTO_TEST_CASE(pipes_are_not_waited_for) {
  for (const char* suffix : {"", ".key"}) {
    BOOST_REQUIRE(::mkfifo(beside(suffix).c_str(), 0600) == 0);
  }
  BOOST_CHECK_THROW(journal::load_or_make_key(beside(".key")), Error);
  BOOST_CHECK_THROW(verify(), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
