#define BOOST_TEST_DYN_LINK
#include "journal/chain.h"
#include "journal/entry.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::journal;

std::string hash_of(const ChainFields& fields) {
  return hex(Chain(first_hash("0123")).extend(fields));
}

ChainFields some_fields() {
  return {.seq = 1, .time_us = 2, .kind = "txn", .actor = "daemon", .build = 7};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal_chain)

BOOST_AUTO_TEST_CASE(hash_is_that_of_the_documented_bytes) {
  using namespace std::string_literals;
  const auto integer = [](char value) { return "\1\0\0\0\0\0\0\0"s + value; };
  const auto text = [](const std::string& value) {
    return "\2\0\0\0\0\0\0\0"s + static_cast<char>(value.size()) + value;
  };
  const std::string sha(32, '\xab');
  const auto bytes = integer(1) + integer(2) + text("inconsistency") + integer(3) +
                     text("archive") + text("v") + text("daemon") + integer(7) + integer(5) +
                     text("key") + "\0"s + "\1\xff\xff\xff\xff\xff\xff\xff\xff"s + text("pending") +
                     "\3\0\0\0\0\0\0\0\x20"s + sha;
  const auto before = sha256("converge-journal-1\n0123");
  BOOST_TEST(hex(first_hash("0123")) == hex(before));
  BOOST_TEST(hash_of({.seq = 1,
                      .time_us = 2,
                      .kind = "inconsistency",
                      .pass = 3,
                      .definition = "archive",
                      .definition_version = "v",
                      .actor = "daemon",
                      .build = 7,
                      .txn = 5,
                      .subject = "key",
                      .label = std::nullopt,
                      .count = -1,
                      .outcome = "pending",
                      .detail_sha = sha}) == hex(sha256(std::string(bytes_of(before)) + bytes)));
}

BOOST_AUTO_TEST_CASE(null_differs_from_empty_and_fields_do_not_run_into_each_other) {
  auto null_subject = some_fields();
  auto empty_subject = some_fields();
  empty_subject.subject = "";
  auto one = some_fields();
  one.subject = "ab";
  one.label = "c";
  auto other = some_fields();
  other.subject = "a";
  other.label = "bc";
  BOOST_TEST(hash_of(null_subject) != hash_of(empty_subject));
  BOOST_TEST(hash_of(one) != hash_of(other));
}

BOOST_AUTO_TEST_CASE(names_are_read_back) {
  for (std::int64_t number = 1; number <= 16; ++number) {
    const auto kind = static_cast<Kind>(number);
    BOOST_TEST((kind_named(name_of(kind)) == kind));
  }
  for (std::int64_t number = 1; number <= 5; ++number) {
    const auto outcome = static_cast<Outcome>(number);
    BOOST_TEST((outcome_named(name_of(outcome)) == outcome));
  }
  BOOST_TEST(name_of(Kind::clock) == "clock");
  BOOST_TEST(name_of(Outcome::rolled_back) == "rolled_back");
  BOOST_TEST(!kind_named("?").has_value());
  BOOST_TEST(name_of(static_cast<Kind>(99)) == "?");
}

BOOST_AUTO_TEST_SUITE_END()
