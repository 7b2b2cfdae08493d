#include "src/base/error.h"
#include "src/base/spool.h"
#include "tests/support/file_size_limit.h"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace converge {
namespace {

std::vector<std::string> read_all(Spool& spool) {
  std::vector<std::string> records;
  std::string record;
  while (spool.next(record)) records.push_back(record);
  return records;
}

using tests::FileSizeLimit;

BOOST_AUTO_TEST_SUITE(base_spool)

BOOST_AUTO_TEST_CASE(records_come_back_in_order) {
  Spool spool;
  const std::vector<std::string> records = {"first", "", std::string("\0\n\xff", 3), "last"};
  for (const auto& record : records) spool.append(record);
  spool.rewind();
  BOOST_TEST(read_all(spool) == records, boost::test_tools::per_element());
  BOOST_TEST(spool.size() == 4u);
}

BOOST_AUTO_TEST_CASE(rewind_starts_over) {
  Spool spool;
  spool.append("one");
  spool.append("two");
  spool.rewind();
  std::string record;
  BOOST_TEST(spool.next(record));
  spool.rewind();
  BOOST_TEST(read_all(spool).size() == 2u);
  spool.rewind();
  BOOST_TEST(read_all(spool).size() == 2u);
}

BOOST_AUTO_TEST_CASE(empty_spool_has_no_record) {
  Spool spool;
  std::string record = "as it was";
  spool.rewind();
  BOOST_TEST(!spool.next(record));
  BOOST_TEST(record == "as it was");
  BOOST_TEST(spool.size() == 0u);
}

BOOST_AUTO_TEST_CASE(more_than_the_buffer_goes_through) {
  Spool spool;
  constexpr int kRecords = 20'000;
  for (int i = 0; i < kRecords; ++i) spool.append(std::to_string(i) + std::string(30, '.'));
  spool.append(std::string(1 << 20, 'x'));
  spool.rewind();
  std::string record;
  int wrong = 0;
  for (int i = 0; i < kRecords; ++i) {
    if (!spool.next(record) || record != std::to_string(i) + std::string(30, '.')) ++wrong;
  }
  BOOST_TEST(wrong == 0);
  BOOST_TEST(spool.next(record));
  BOOST_TEST(record.size() == std::size_t{1} << 20U);
  BOOST_TEST(!spool.next(record));
}

BOOST_AUTO_TEST_CASE(moved_spool_keeps_its_records) {
  Spool first;
  first.append("kept");
  Spool second;
  second.append("dropped");
  second = std::move(first);
  second.rewind();
  BOOST_TEST(read_all(second) == std::vector<std::string>{"kept"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(full_disk_is_an_error) {
  const FileSizeLimit limit(64 * 1024);
  Spool spool;
  const auto fill = [&spool] {
    for (int i = 0; i < 100; ++i) spool.append(std::string(10'000, 'x'));
  };
  BOOST_CHECK_THROW(fill(), Error);
}

BOOST_AUTO_TEST_CASE(missing_directory_is_an_error) {
  const char* before = std::getenv("TMPDIR");
  const std::string saved = before != nullptr ? before : "";
  setenv("TMPDIR", "/nonexistent/directory", 1);
  BOOST_CHECK_EXCEPTION(Spool(), Error, [](const Error& error) {
    return std::string_view(error.what()) ==
           "temporary file in /nonexistent/directory: no such file or directory";
  });
  before != nullptr ? setenv("TMPDIR", saved.c_str(), 1) : unsetenv("TMPDIR");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
