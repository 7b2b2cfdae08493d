#include "src/base/error.h"
#include "src/engine/set_digest.h"
#include "src/engine/subjects.h"
#include "src/engine/verdict.h"

#include <boost/test/unit_test.hpp>

namespace converge::engine {

namespace {

Error error_with(const std::string& sqlstate, ErrorKind kind = ErrorKind::failure) {
  return {kind, "it failed", {}, sqlstate};
}

/// Two columns, a row for each pair; the second may be null.
Subjects subjects_of(const std::vector<std::pair<std::string, std::optional<std::string>>>& pairs) {
  Subjects subjects(2);
  for (const auto& [key, value] : pairs) {
    subjects.append({key, value});
  }
  return subjects;
}

std::string digest_of(const std::vector<std::string>& keys, const std::string& version = "v") {
  SetDigest digest;
  for (const std::string& key : keys) digest.add(key);
  return digest.text(version);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(verdict)

BOOST_AUTO_TEST_CASE(a_data_error_is_halved_down_to_its_subject) {
  BOOST_TEST((judge(error_with("23514"), 1000, 1, false) == Verdict::halve));
  BOOST_TEST((judge(error_with("23514"), 2, 1, true) == Verdict::halve));
  BOOST_TEST((judge(error_with("23514"), 1, 1, true) == Verdict::isolate));
  BOOST_TEST((judge(error_with("P0001"), 1, 1, false) == Verdict::isolate));
  BOOST_TEST((judge(error_with("MY001"), 1, 1, false) == Verdict::isolate));
}

BOOST_AUTO_TEST_CASE(what_is_nobodys_fault_is_retried_but_not_for_ever) {
  for (const char* sqlstate : {"40001", "40P01", "57P01", "53300", "08006"}) {
    const Error error = error_with(sqlstate, ErrorKind::transient);
    BOOST_TEST((judge(error, 1000, 1, false) == Verdict::retry), sqlstate);
    BOOST_TEST((judge(error, 1, 1, true) == Verdict::retry), sqlstate);
    BOOST_TEST((judge(error, 1000, 100, false) == Verdict::give_up), sqlstate);
  }
}

BOOST_AUTO_TEST_CASE(a_locked_row_is_waited_for_once_more_and_then_isolated) {
  const Error locked = error_with("55P03", ErrorKind::transient);
  BOOST_TEST((judge(locked, 1000, 1, false) == Verdict::retry));
  BOOST_TEST((judge(locked, 1000, 2, false) == Verdict::halve));
  BOOST_TEST((judge(locked, 500, 1, true) == Verdict::halve));
  BOOST_TEST((judge(locked, 1, 1, true) == Verdict::isolate));
}

BOOST_AUTO_TEST_CASE(what_no_subject_would_fare_better_with_fails_the_pass) {
  for (const char* sqlstate : {"42P01", "42501", "57014", "53100", "XX000", "HV000", ""}) {
    BOOST_TEST((judge(error_with(sqlstate), 1000, 1, false) == Verdict::give_up), sqlstate);
    BOOST_TEST((judge(error_with(sqlstate), 1, 1, true) == Verdict::give_up), sqlstate);
  }
}

BOOST_AUTO_TEST_CASE(the_pause_grows_and_has_a_bound) {
  for (int attempt = 1; attempt < 40; ++attempt) {
    BOOST_TEST(backoff(attempt).count() >= 25);
    BOOST_TEST(backoff(attempt).count() <= 5'000);
  }
  BOOST_TEST(backoff(1).count() <= 50);
  BOOST_TEST(backoff(20).count() >= 2'500);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(set_digest)

BOOST_AUTO_TEST_CASE(the_order_does_not_matter) {
  BOOST_TEST(digest_of({"1", "2", "3"}) == digest_of({"3", "1", "2"}));
}

BOOST_AUTO_TEST_CASE(another_set_or_another_definition_has_another_digest) {
  const std::string digest = digest_of({"1", "2"});
  BOOST_TEST(digest.size() == 16u);
  BOOST_TEST(digest != digest_of({"1"}));
  BOOST_TEST(digest != digest_of({"1", "2", "3"}));
  BOOST_TEST(digest != digest_of({"12"}));
  BOOST_TEST(digest != digest_of({"1", "2", "2"}));
  BOOST_TEST(digest != digest_of({"1", "2"}, "another version"));
}

BOOST_AUTO_TEST_CASE(carries_reach_the_next_word) {
  // 70,000 keys: the sum of 32-bit words overflows them many times over, in either order alike.
  SetDigest up;
  SetDigest down;
  for (int key = 0; key < 70'000; ++key) up.add(std::to_string(key));
  for (int key = 69'999; key >= 0; --key) down.add(std::to_string(key));
  BOOST_TEST(up.text("v") == down.text("v"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(subjects)

BOOST_AUTO_TEST_CASE(rows_survive_being_encoded) {
  const Subjects original = subjects_of({{"1", "a"}, {"", std::nullopt}, {"x\ny", ""}});
  const Subjects copy = Subjects::decode(original.encode());
  BOOST_REQUIRE(copy.size() == 3u);
  BOOST_TEST(copy.width() == 2u);
  BOOST_TEST(copy.key(0) == "1");
  BOOST_TEST(copy.key(1).empty());
  BOOST_TEST(!copy.cell(1, 1));
  BOOST_TEST(copy.key(2) == "x\ny");
  BOOST_TEST(copy.cell(2, 1).value() == "");
  BOOST_TEST(Subjects::decode(Subjects(3).encode()).width() == 3u);
}

BOOST_AUTO_TEST_CASE(an_array_quotes_what_postgresql_would_read_otherwise) {
  const Subjects tricky =
      subjects_of({{R"(a"b\c)", std::nullopt}, {"{,}", "NULL"}, {"", "null"}, {" x ", "ü"}});
  BOOST_TEST(tricky.array(0) == R"({"a\"b\\c","{,}",""," x "})");
  BOOST_TEST(tricky.array(1) == R"({NULL,"NULL","null","ü"})");
  BOOST_TEST(Subjects(2).array(0) == "{}");
}

BOOST_AUTO_TEST_CASE(a_slice_has_its_own_rows) {
  const Subjects all = subjects_of({{"1", "a"}, {"2", "b"}, {"3", "c"}});
  const Subjects part = all.slice(1, 3);
  BOOST_REQUIRE(part.size() == 2u);
  BOOST_TEST(part.key(0) == "2");
  BOOST_TEST(part.cell(1, 1).value() == "c");
}

BOOST_AUTO_TEST_CASE(a_null_key_and_a_key_twice_are_refused) {
  BOOST_CHECK_THROW(subjects_of({{"1", "a"}, {"1", "b"}}).require_usable_keys(), Error);
  Subjects null_key(1);
  null_key.append({std::nullopt});
  BOOST_CHECK_THROW(null_key.require_usable_keys(), Error);
  BOOST_CHECK_NO_THROW(subjects_of({{"1", "a"}, {"2", "a"}}).require_usable_keys());
  BOOST_CHECK_NO_THROW(subjects_of({{"2", "a"}, {"1", "a"}}).require_usable_keys());
  BOOST_CHECK_THROW(subjects_of({{"2", "a"}, {"1", "a"}, {"2", "a"}}).require_usable_keys(), Error);
  BOOST_CHECK_THROW(subjects_of({{"", "a"}, {"", "a"}}).require_usable_keys(), Error);
}

BOOST_AUTO_TEST_CASE(only_strictly_ascending_keys_need_no_further_look) {
  const auto ascend = [](const std::vector<std::string>& keys) {
    Ascent ascent;
    for (const std::string& key : keys) ascent.add(key);
    return ascent.holds();
  };
  BOOST_TEST(ascend({}));
  BOOST_TEST(ascend({"", "8", "9", "10", "11"}));
  BOOST_TEST(!ascend({"1", "1"}));
  BOOST_TEST(!ascend({"", ""}));
  BOOST_TEST(!ascend({"2", "1", "3"}));
  BOOST_TEST(!ascend({"10", "9"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace converge::engine
