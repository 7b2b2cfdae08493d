#pragma once

#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <string>

namespace converge::tests {

/// Schemas of their own beside the platform's, which is on the search path behind them.
struct New : Cli {
  /// Makes the schema `own`, puts it first on the search path, and runs SQL there.
  void schema(const std::string& statements) {
    sql("create schema own; set search_path = own, public; " + statements);
    url = cluster.url(database);
    sql("alter database " + database + " set search_path = own, public");
  }

  std::string definition(const std::string& name = "draft") const {
    return read_text(convergers / (name + ".sql"));
  }

  /// Drafts, and requires that the server accepts what is written; standard error of `new`.
  std::string draft(const std::string& flag) const {
    const auto result = call({"new", "draft", "--flag", flag});
    BOOST_TEST_REQUIRE(result.status == 0, result.err);
    const auto checked = call({"check", "draft"});
    BOOST_TEST_REQUIRE(checked.status == 0, checked.err << definition());
    BOOST_TEST(checked.err == "");
    return result.err;
  }

  /// Runs the draft, which must correct so many subjects, and then nothing.
  void require_converges(const std::string& subjects = "1") const {
    const auto first = call({"run", "draft", "-o", "json"});
    BOOST_TEST(member(first.out, "inconsistencies") == subjects, first.out << first.err);
    const auto second = call({"run", "draft", "-o", "json"});
    BOOST_TEST(member(second.out, "outcome") == "unchanged", second.out << second.err);
  }

  void require_refused(const Words& arguments, const std::string& message,
                       const std::string& hint) const {
    Words words = {"new"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto result = call(words);
    BOOST_TEST(result.status == 2);
    BOOST_TEST(contains(result.err, message), result.err);
    BOOST_TEST(contains(result.err, hint), result.err);
    BOOST_TEST(std::filesystem::is_empty(convergers));
  }
};

}  // namespace converge::tests
