#include "updater/release_manifest.h"

#include "src/base/error.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace converge::updater {
namespace {

const std::string kDigest(64, 'a');

/// As the design has it, in one line.
std::string text() {
  return R"({"product":"converge","channel":"stable","seq":7,"build":123,"commit":"0123abcd4567",)"
         R"("built":"2026-11-22T10:00:00Z","issued":"2026-11-22T10:05:00Z",)"
         R"("expires":"2027-02-20T10:05:00Z","min_build":0,"withdrawn":[121],)"
         R"("rollout":{"start":"2026-11-22T10:05:00Z","percent_per_hour":100,"paused":false},)"
         R"("artifacts":[{"platform":"linux-amd64","path":"builds/123/converge-linux-amd64",)"
         R"("size":11900000,"sha256":")" +
         kDigest + "\"}]}\n";
}

/// The text with `from`, which it must have, replaced.
std::string with(const std::string& from, const std::string& to) {
  auto edited = text();
  const auto at = edited.find(from);
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, from);
  return edited.replace(at, from.size(), to);
}

/// Why a text is refused; `accepted` when it is not.
std::string refusal(const std::string& edited) {
  try {
    parse_release_manifest(edited);
    return "accepted";
  } catch (const Error& error) {
    BOOST_TEST((error.kind() == ErrorKind::failure));
    return error.what();
  }
}

std::string refusal_with(const std::string& from, const std::string& to) {
  return refusal(with(from, to));
}

bool accepts(const std::string& edited) { return refusal(edited) == "accepted"; }

/// Of the member with that name, with a value in JSON.
std::string value_refusal(const std::string& name, const std::string& value) {
  auto edited = text();
  const auto begin = edited.find("\"" + name + "\":") + name.size() + 3;
  const bool nested = edited[begin] == '[' || edited[begin] == '{';
  const auto end = nested ? edited.find(edited[begin] == '[' ? ']' : '}', begin) + 1
                          : edited.find_first_of(",}", begin);
  return refusal(edited.replace(begin, end - begin, value));
}

BOOST_AUTO_TEST_SUITE(release_manifest)

BOOST_AUTO_TEST_CASE(manifest_is_read) {
  const auto manifest = parse_release_manifest(text());
  BOOST_TEST(manifest.product == "converge");
  BOOST_TEST(manifest.channel == "stable");
  BOOST_TEST(manifest.seq == 7);
  BOOST_TEST(manifest.build == 123);
  BOOST_TEST(manifest.commit == "0123abcd4567");
  BOOST_TEST(manifest.built_us == 1'795'341'600'000'000);
  BOOST_TEST(manifest.issued_us == 1'795'341'900'000'000);
  BOOST_TEST(manifest.expires_us == manifest.issued_us + std::int64_t{90} * 86'400 * 1'000'000);
  BOOST_TEST(manifest.min_build == 0);
  BOOST_TEST((manifest.withdrawn == std::vector<std::int64_t>{121}));
  BOOST_TEST(manifest.rollout.start_us == manifest.issued_us);
  BOOST_TEST(manifest.rollout.percent_per_hour == 100);
  BOOST_TEST(!manifest.rollout.paused);
  BOOST_TEST(manifest.artifacts.size() == 1U);
  const auto* const artifact = manifest.artifact_for("linux-amd64");
  BOOST_REQUIRE(artifact != nullptr);
  BOOST_TEST(artifact->path == "builds/123/converge-linux-amd64");
  BOOST_TEST(artifact->size_bytes == 11'900'000);
  BOOST_TEST(artifact->sha256 == kDigest);
  BOOST_TEST(manifest.artifact_for("linux-arm64") == nullptr);
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  auto manifest = parse_release_manifest(text());
  manifest.withdrawn = {1, 120};
  manifest.rollout.paused = true;
  manifest.artifacts.push_back({.platform = "linux-arm64",
                                .path = "builds/123/converge-linux-arm64",
                                .size_bytes = 1,
                                .sha256 = std::string(64, '0')});
  const auto written = manifest_text(manifest);
  BOOST_TEST(written.starts_with("{\n  \"product\": \"converge\",\n  \"channel\": \"stable\",\n"));
  BOOST_TEST(written.find("  \"withdrawn\": [1, 120],\n") != std::string::npos);
  BOOST_TEST(written.ends_with("\n  ]\n}\n"));
  BOOST_TEST((parse_release_manifest(written) == manifest));
  manifest.withdrawn.clear();
  BOOST_TEST((parse_release_manifest(manifest_text(manifest)) == manifest));
}

BOOST_AUTO_TEST_CASE(what_is_written_cannot_be_smuggled_into) {
  auto manifest = parse_release_manifest(text());
  manifest.commit = "x\",\"seq\":9,\"y\":\"";
  BOOST_TEST(!accepts(manifest_text(manifest)));
}

BOOST_AUTO_TEST_CASE(each_member_must_be_there_once_and_no_other) {
  for (const auto* const name :
       {"product", "channel", "seq", "build", "commit", "built", "issued", "expires", "min_build",
        "withdrawn", "rollout", "artifacts", "start", "percent_per_hour", "paused", "platform",
        "path", "size", "sha256"}) {
    const auto quoted = "\"" + std::string(name) + "\":";
    BOOST_TEST(refusal_with(quoted, "\"else\":").find("else is not known") != std::string::npos);
    const auto twice = refusal_with(quoted, quoted + "1," + quoted);
    BOOST_TEST(twice == "manifest: two members called " + std::string(name));
  }
  BOOST_TEST(refusal_with("\"seq\":7,", "") == "manifest: seq is missing");
  BOOST_TEST(refusal_with(",\"paused\":false", "") == "manifest: rollout.paused is missing");
  BOOST_TEST(refusal_with("\"size\":11900000,", "") == "manifest: artifacts[0].size is missing");
  BOOST_TEST(refusal_with("\"size\":1", "\"url\":\"x\",\"size\":1") ==
             "manifest: artifacts[0].url is not known");
}

BOOST_AUTO_TEST_CASE(same_name_in_another_object_is_no_duplicate) {
  BOOST_TEST(refusal_with("\"paused\":", "\"seq\":1,\"paused\":") ==
             "manifest: rollout.seq is not known");
}

BOOST_AUTO_TEST_CASE(numbers_are_whole_and_within_bounds) {
  for (const auto* const name : {"seq", "build", "min_build", "percent_per_hour", "size"}) {
    for (const auto* const value : {"1.0",
                                    "1.5",
                                    "1e0",
                                    "1E2",
                                    "\"1\"",
                                    "true",
                                    "null",
                                    "[1]",
                                    "{}",
                                    "-1",
                                    "-0.0",
                                    "2147483648",
                                    "9223372036854775807",
                                    "9223372036854775808",
                                    "18446744073709551615",
                                    "18446744073709551616",
                                    "100000000000000000000000000000000000000000",
                                    "1e400",
                                    "01",
                                    "+1",
                                    "0x1",
                                    "1_000",
                                    "NaN",
                                    "Infinity",
                                    "",
                                    "1 2"}) {
      BOOST_TEST_CONTEXT(name << " " << value) {
        BOOST_TEST(value_refusal(name, value) != "accepted");
      }
    }
  }
  BOOST_TEST(value_refusal("seq", "0") == "manifest: seq is 0, not from 1 to 2147483647");
  BOOST_TEST(value_refusal("seq", "2147483647") == "accepted");
  BOOST_TEST(value_refusal("build", "0") != "accepted");
  BOOST_TEST(value_refusal("build", "2147483647") == "accepted");
  BOOST_TEST(value_refusal("percent_per_hour", "0") != "accepted");
  BOOST_TEST(value_refusal("percent_per_hour", "101") != "accepted");
  BOOST_TEST(value_refusal("percent_per_hour", "1") == "accepted");
  BOOST_TEST(value_refusal("size", "0") != "accepted");
  BOOST_TEST(value_refusal("size", "1073741824") == "accepted");
  BOOST_TEST(value_refusal("size", "1073741825") != "accepted");
}

BOOST_AUTO_TEST_CASE(floor_above_the_build_is_refused) {
  BOOST_TEST(value_refusal("min_build", "123") == "accepted");
  BOOST_TEST(value_refusal("min_build", "124") == "manifest: min_build is 124, not from 0 to 123");
}

BOOST_AUTO_TEST_CASE(withdrawn_is_a_list_of_different_builds) {
  BOOST_TEST(value_refusal("withdrawn", "[]") == "accepted");
  BOOST_TEST(value_refusal("withdrawn", "[123,5]") == "accepted");
  for (const auto* const value : {"[0]", "[-1]", "[1.0]", "[\"1\"]", "[null]", "[[1]]", "[1,1]",
                                  "[2147483648]", "1", "{}", "\"1\"", "[1,]", "[,1]", "null"}) {
    BOOST_TEST_CONTEXT(value) { BOOST_TEST(value_refusal("withdrawn", value) != "accepted"); }
  }
}

BOOST_AUTO_TEST_CASE(flag_is_true_or_false) {
  BOOST_TEST(value_refusal("paused", "true") == "accepted");
  for (const auto* const value : {"0", "1", "\"true\"", "null", "True", "[]"}) {
    BOOST_TEST_CONTEXT(value) { BOOST_TEST(value_refusal("paused", value) != "accepted"); }
  }
}

BOOST_AUTO_TEST_CASE(objects_and_arrays_are_not_anything_else) {
  for (const auto* const value : {"null", "1", "\"x\"", "[]", "true"}) {
    BOOST_TEST_CONTEXT(value) { BOOST_TEST(value_refusal("rollout", value) != "accepted"); }
  }
  for (const auto* const value : {"null", "{}", "[]", "[1]", "[null]", "[[]]", "[{}]"}) {
    auto edited = text();
    const auto at = edited.find("\"artifacts\":") + 12;
    edited = edited.substr(0, at) + value + "}\n";
    BOOST_TEST_CONTEXT(value) { BOOST_TEST(!accepts(edited)); }
  }
}

BOOST_AUTO_TEST_CASE(product_is_this_one) {
  BOOST_TEST(value_refusal("product", "\"diverge\"") ==
             "manifest: product is \"diverge\", not converge");
  BOOST_TEST(value_refusal("product", "\"Converge\"") != "accepted");
  BOOST_TEST(value_refusal("product", "7") == "manifest: product is not a string");
}

BOOST_AUTO_TEST_CASE(channel_has_a_plain_name) {
  for (const auto* const name : {"canary", "a", "team-7"}) {
    BOOST_TEST(value_refusal("channel", '"' + std::string(name) + '"') == "accepted");
  }
  for (const auto* const name : {"", "Stable", "7", "-a", "a_b", "a/b", "..", "a b", "a.b"}) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(value_refusal("channel", '"' + std::string(name) + '"') != "accepted");
      BOOST_TEST(!is_channel_name(name));
    }
  }
  BOOST_TEST(!is_channel_name(std::string(65, 'a')));
}

BOOST_AUTO_TEST_CASE(times_are_utc_to_the_second) {
  for (const auto* const name : {"built", "issued", "expires", "start"}) {
    for (const auto* const value : {"2026-11-22",
                                    "2026-11-22T10:00:00",
                                    "2026-11-22T10:00Z",
                                    "2026-11-22T10:00:00+00:00",
                                    "2026-11-22T10:00:00.5Z",
                                    "2026-11-22t10:00:00z",
                                    "2026-11-22 10:00:00Z",
                                    "2026-13-22T10:00:00Z",
                                    "2026-00-22T10:00:00Z",
                                    "2026-02-29T10:00:00Z",
                                    "2026-11-31T10:00:00Z",
                                    "2026-11-00T10:00:00Z",
                                    "2026-11-22T24:00:00Z",
                                    "2026-11-22T10:60:00Z",
                                    "2026-11-22T10:00:60Z",
                                    "1969-12-31T23:59:59Z",
                                    "-026-11-22T10:00:00Z",
                                    "2026-11-22T10:00:00ZZ",
                                    " 2026-11-22T10:00:00Z",
                                    "",
                                    "now"}) {
      BOOST_TEST_CONTEXT(name << " " << value) {
        BOOST_TEST(value_refusal(name, '"' + std::string(value) + '"') != "accepted");
      }
    }
    BOOST_TEST(value_refusal(name, "1795341600") != "accepted");
  }
  BOOST_TEST(value_refusal("built", "\"2024-02-29T23:59:59Z\"") == "accepted");
  BOOST_TEST(value_refusal("expires", "\"9999-12-31T23:59:59Z\"") == "accepted");
}

BOOST_AUTO_TEST_CASE(it_expires_after_it_was_issued) {
  BOOST_TEST(value_refusal("expires", "\"2026-11-22T10:05:00Z\"") ==
             "manifest: expires is not after issued");
}

BOOST_AUTO_TEST_CASE(path_stays_below_the_base_url) {
  for (const auto* const path : {"a", "builds/123/x_1.2+3~rc-1", "...", "a/..b/c"}) {
    BOOST_TEST_CONTEXT(path) {
      BOOST_TEST(value_refusal("path", '"' + std::string(path) + '"') == "accepted");
    }
  }
  for (const auto* const path : {"",
                                 "/",
                                 "/a",
                                 "a/",
                                 "a//b",
                                 ".",
                                 "..",
                                 "../a",
                                 "a/../b",
                                 "a/..",
                                 "./a",
                                 "a/./b",
                                 "a\\\\b",
                                 "http://evil.example/a",
                                 "//evil.example/a",
                                 "a?b",
                                 "a#b",
                                 "a%2e%2e/b",
                                 "a b",
                                 "a:b",
                                 "a@b",
                                 "a&b",
                                 "a;b",
                                 "\\u002e\\u002e/a",
                                 "a\xc3\xa9"}) {
    BOOST_TEST_CONTEXT(path) {
      BOOST_TEST(value_refusal("path", '"' + std::string(path) + '"') != "accepted");
      BOOST_TEST(!is_release_path(path));
    }
  }
  BOOST_TEST(is_release_path(std::string(255, 'a')));
  BOOST_TEST(!is_release_path(std::string(256, 'a')));
}

BOOST_AUTO_TEST_CASE(digest_is_64_lower_case_digits) {
  for (const auto& digest : {std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A'),
                             std::string(64, 'g'), std::string()}) {
    BOOST_TEST_CONTEXT(digest) {
      BOOST_TEST(value_refusal("sha256", '"' + digest + '"') != "accepted");
    }
  }
}

BOOST_AUTO_TEST_CASE(platform_has_the_known_form_and_is_there_once) {
  for (const auto* const platform :
       {"linux", "linux-", "-amd64", "Linux-amd64", "linux-amd64-x", "linux/amd64", "", "1-1"}) {
    BOOST_TEST_CONTEXT(platform) {
      BOOST_TEST(value_refusal("platform", '"' + std::string(platform) + '"') != "accepted");
    }
  }
  BOOST_TEST(value_refusal("platform", "\"freebsd-riscv64\"") == "accepted");
  const auto whole = text();
  const auto begin = whole.find("{\"platform\"");
  const auto artifact = whole.substr(begin, whole.find('}', begin) + 1 - begin);
  BOOST_TEST(refusal_with(artifact, artifact + "," + artifact) ==
             "manifest: artifacts[1].platform is linux-amd64 a second time");
}

BOOST_AUTO_TEST_CASE(commit_is_a_word) {
  BOOST_TEST(value_refusal("commit", "\"unknown\"") == "accepted");
  for (const auto* const commit : {"", "a b", "<b>", "A"}) {
    BOOST_TEST(value_refusal("commit", '"' + std::string(commit) + '"') != "accepted");
  }
}

BOOST_AUTO_TEST_CASE(bytes_that_people_do_not_see_are_refused) {
  BOOST_TEST(refusal_with("{\"product\"", "{\r\n\"product\"") == "manifest: byte 0x0d in line 1");
  BOOST_TEST(refusal_with("{\"product\"", "{\n\t\"product\"") == "manifest: byte 0x09 in line 2");
  for (const auto& bytes : {std::string("\0", 1), std::string("\x1b"), std::string("\x7f"),
                            std::string("\x80"), std::string("\xc3\xa9"), std::string("\xc3"),
                            std::string("\xff"), std::string("\xe2\x80\xae"), std::string("\\"),
                            std::string("\\u0061"), std::string("\xef\xbb\xbf")}) {
    BOOST_TEST(refusal_with("stable", "sta" + bytes + "ble").find("byte 0x") != std::string::npos);
    BOOST_TEST(!accepts(bytes + text()));
  }
}

BOOST_AUTO_TEST_CASE(nothing_stands_around_the_object) {
  const auto whole = text();
  for (const auto& edited :
       {whole.substr(0, whole.size() - 1), whole + "\n", whole + " ", whole + "x", whole + whole,
        whole + "{}\n", whole + "}\n", "\n" + whole, " " + whole, "[" + whole + "]\n",
        "// x\n" + whole, std::string("{}\n"), std::string("\n"), std::string("}\n"),
        std::string("{\n"), std::string()}) {
    BOOST_TEST_CONTEXT(edited) { BOOST_TEST(!accepts(edited)); }
  }
}

BOOST_AUTO_TEST_CASE(what_is_cut_anywhere_is_refused) {
  const auto whole = text();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    BOOST_TEST(!accepts(whole.substr(0, size)));
    if (size + 1 < whole.size()) BOOST_TEST(!accepts(whole.substr(0, size) + "\n"));
  }
}

BOOST_AUTO_TEST_CASE(what_is_nearly_json_is_refused) {
  BOOST_TEST(!accepts(with("false}", "false,}")));
  BOOST_TEST(!accepts(with("\"seq\":7", "\"seq\" 7")));
  BOOST_TEST(!accepts(with("\"seq\":7", "seq:7")));
  BOOST_TEST(!accepts(with("\"stable\"", "'stable'")));
  BOOST_TEST(!accepts(with("\"seq\":7,", "\"seq\":7 /* x */,")));
  BOOST_TEST(!accepts(with("\"seq\":7,", "\"seq\":7,,")));
  BOOST_TEST(!accepts(with("\"seq\":7,", "\"seq\":7;")));
  BOOST_TEST(accepts(with("\"seq\":7,", " \n \"seq\"\n: 7 , ")));
}

BOOST_AUTO_TEST_CASE(size_and_depth_are_bounded_before_anything_is_parsed) {
  const auto whole = text();
  const std::string blanks(kMostReleaseBytes - whole.size(), ' ');
  BOOST_TEST(accepts("{" + blanks + whole.substr(1)));
  BOOST_TEST(refusal("{ " + blanks + whole.substr(1)) == "manifest: 65537 bytes, more than 65536");
  for (const auto* const open : {"[", "{\"a\":"}) {
    std::string deep;
    while (deep.size() < 60'000) deep += open;
    BOOST_TEST(refusal_with("\"seq\":7", "\"seq\":" + deep + "7") ==
               "manifest: nested deeper than 8 levels");
  }
  BOOST_TEST(refusal_with("stable", "[[[[[[[[[[[[").find("nested") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(this_platform_is_one_of_those_that_are_built) {
  const auto platform = this_platform();
  BOOST_TEST((platform == "linux-amd64" || platform == "linux-arm64"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
