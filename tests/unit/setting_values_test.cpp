#include "convergers/setting_values.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace converge::convergers {
namespace {

using engine::Settings;
using std::chrono::milliseconds;

// `OFFSET: MESSAGE`, or empty when the value was taken.
std::string apply(Settings& settings, std::string_view name, std::string_view value) {
  const auto problem = apply_setting(settings, name, value);
  if (!problem) return {};
  BOOST_TEST(!problem->hint.empty());
  return std::to_string(problem->offset) + ": " + problem->message;
}

std::string problem_of(std::string_view name, std::string_view value) {
  Settings settings;
  return apply(settings, name, value);
}

Settings with(std::string_view name, std::string_view value) {
  Settings settings;
  BOOST_TEST(apply(settings, name, value) == "");
  return settings;
}

std::int64_t allowed(std::string_view limit, std::int64_t found) {
  return with("limit", limit).limit.value().allowed(found);
}

BOOST_AUTO_TEST_SUITE(setting_values)

BOOST_AUTO_TEST_CASE(defaults_are_those_of_the_manual) {
  const Settings settings;
  BOOST_TEST((settings.every == std::chrono::minutes(1)));
  BOOST_TEST((settings.timeout == std::chrono::seconds(10)));
  BOOST_TEST((settings.pass_timeout == std::chrono::minutes(5)));
  BOOST_TEST(settings.chunk == 1000);
  BOOST_TEST(settings.parallel == 1);
  BOOST_TEST(settings.shards == 1);
  BOOST_TEST(!settings.limit.has_value());
  BOOST_TEST((settings.settle == milliseconds(0)));
}

BOOST_AUTO_TEST_CASE(durations_are_taken) {
  BOOST_TEST((with("every", "1h30m").every == std::chrono::minutes(90)));
  BOOST_TEST((with("timeout", "500ms").timeout == milliseconds(500)));
  BOOST_TEST((with("pass_timeout", "24d").pass_timeout == std::chrono::hours(576)));
  BOOST_TEST((with("settle", "2m").settle == std::chrono::minutes(2)));
}

BOOST_AUTO_TEST_CASE(never_has_no_schedule) {
  BOOST_TEST(!with("every", "never").every.has_value());
  BOOST_TEST(problem_of("timeout", "never") == "0: timeout is not a duration: never");
}

BOOST_AUTO_TEST_CASE(zero_is_for_settle_alone) {
  BOOST_TEST(problem_of("settle", "0s") == "");
  BOOST_TEST(problem_of("every", "0s") == "0: every must not be zero");
  BOOST_TEST(problem_of("timeout", "0ms") == "0: timeout must not be zero");
  BOOST_TEST(problem_of("pass_timeout", "0m") == "0: pass_timeout must not be zero");
}

BOOST_AUTO_TEST_CASE(timeout_that_postgresql_cannot_hold_is_refused) {
  BOOST_TEST(problem_of("timeout", "25d") == "0: timeout is too long: 25d");
}

BOOST_AUTO_TEST_CASE(bad_duration_is_shown_harmlessly) {
  BOOST_TEST(problem_of("every", "10 secs\x1b[2J") ==
             "0: every is not a duration: 10 secs\\x1b[2J");
}

BOOST_AUTO_TEST_CASE(numbers_have_their_ranges) {
  BOOST_TEST(with("chunk", "100000").chunk == 100'000);
  BOOST_TEST(with("parallel", "64").parallel == 64);
  BOOST_TEST(with("shards", "1024").shards == 1024);
  BOOST_TEST(problem_of("chunk", "100001") == "0: chunk is not a number from 1 to 100000: 100001");
  BOOST_TEST(problem_of("parallel", "65") == "0: parallel is not a number from 1 to 64: 65");
  BOOST_TEST(problem_of("shards", "1025") == "0: shards is not a number from 1 to 1024: 1025");
  for (const auto* text : {"0", "-1", "+1", "1.5", "ten", "1 0", "99999999999999999999"}) {
    BOOST_TEST(problem_of("chunk", text) != "", text);
  }
}

BOOST_AUTO_TEST_CASE(limit_may_be_a_count) {
  BOOST_TEST(allowed("500", 10) == 500);
  BOOST_TEST(allowed("500", 1'000'000) == 500);
  BOOST_TEST(allowed("0", 10) == 0);
  BOOST_TEST(with("limit", "500").limit->text == "500");
}

BOOST_AUTO_TEST_CASE(limit_may_be_a_percentage_with_a_base) {
  BOOST_TEST(allowed("10% of at least 50", 3) == 5);
  BOOST_TEST(allowed("10% of at least 50", 50) == 5);
  BOOST_TEST(allowed("10% of at least 50", 59) == 5);
  BOOST_TEST(allowed("10% of at least 50", 1000) == 100);
  BOOST_TEST(allowed("100%  of at least 0", 7) == 7);
  BOOST_TEST(allowed("2.5% of at least 10", 1000) == 25);
  BOOST_TEST(allowed("0.7% of at least 1", 1000) == 7);
  BOOST_TEST(with("limit", "10% of at least 50").limit->text == "10% of at least 50");
}

BOOST_AUTO_TEST_CASE(every_percentage_of_a_round_base_is_exact) {
  for (int percent = 1; percent <= 1000; ++percent) {
    const engine::Limit limit{.count = 0, .percent = percent / 10.0, .at_least = 0, .text = {}};
    BOOST_TEST(limit.allowed(1'000'000) == percent * 1000);
  }
}

BOOST_AUTO_TEST_CASE(other_limits_are_refused) {
  for (const auto* text :
       {"-1", "ten", "10%", "0% of at least 50", "101% of at least 50", "10 % of at least 50",
        "10% of at least", "10% of at least x", "10% of at most 50", "10% of at least 50 rows",
        "inf% of at least 50", "1e1% of at least 50", "1.2.3% of at least 50", "-5% of at least 50",
        "5% of at least -5", "% of at least 5", "500 rows"}) {
    BOOST_TEST(problem_of("limit", text).starts_with("0: limit is neither a count nor"), text);
  }
}

BOOST_AUTO_TEST_CASE(channels_add_up) {
  Settings settings;
  BOOST_TEST(apply(settings, "listen", "account_archived") == "");
  BOOST_TEST(apply(settings, "listen", "Other") == "");
  BOOST_TEST(apply(settings, "listen", R"("With ""Quotes"", and more")") == "");
  const std::vector<std::string> expected = {"account_archived", "other",
                                             "With \"Quotes\", and more"};
  BOOST_TEST(settings.listen == expected, boost::test_tools::per_element());
  BOOST_TEST(apply(settings, "listen", "OTHER") == "0: listen names other twice");
}

BOOST_AUTO_TEST_CASE(channel_is_one_name) {
  for (const auto* text : {"a b", "a, b", "1a", "a-b", "\"a", "\"\"", "$a", "'a'"}) {
    BOOST_TEST(problem_of("listen", text).starts_with("0: listen is not a name: "), text);
  }
}

BOOST_AUTO_TEST_CASE(name_has_at_most_63_bytes) {
  BOOST_TEST(problem_of("listen", std::string(63, 'a')) == "");
  BOOST_TEST(problem_of("listen", std::string(64, 'a')) ==
             "0: listen has a name of more than 63 bytes");
  BOOST_TEST(problem_of("listen", '"' + std::string(63, 'a') + '"') == "");
}

BOOST_AUTO_TEST_CASE(columns_are_separated_by_commas) {
  const std::vector<std::string> expected = {"email", "Full Name", "phone"};
  BOOST_TEST(with("redact", "Email , \"Full Name\",phone").redact == expected,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(bad_column_is_pointed_at) {
  BOOST_TEST(problem_of("redact", "email, phone, email") == "14: redact names email twice");
  BOOST_TEST(problem_of("redact", "email, 1st") == "7: redact is not a name: 1st");
  BOOST_TEST(problem_of("redact", "email,") == "6: redact is not a name: nothing");
  BOOST_TEST(problem_of("redact", "a,,b") == "2: redact is not a name: ,b");
  BOOST_TEST(problem_of("redact", "a b") == "0: redact is not a name: a b");
}

BOOST_AUTO_TEST_CASE(setting_needs_a_value) {
  for (const auto& name : setting_names()) {
    BOOST_TEST(problem_of(name, "") == "0: " + name + " has no value");
  }
}

BOOST_AUTO_TEST_CASE(refused_value_changes_nothing) {
  Settings settings;
  apply(settings, "redact", "email, email");
  apply(settings, "every", "never ever");
  BOOST_TEST(settings.redact.empty());
  BOOST_TEST((settings.every == std::chrono::minutes(1)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
