#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

/// Eight entries of two passes.
struct JournalVerify : Cli {
  JournalVerify() {
    define("archive", archiver(""));
    add_accounts(2);
    for (const char* condition : {"id = 1", "id = 2"}) {
      archive_accounts(condition);
      BOOST_REQUIRE(call({"run", "archive"}).status == 0);
    }
    BOOST_REQUIRE(ask_journal("select head_seq from chain") == "8");
  }

  std::string hash_of(int seq) const {
    return ask_journal("select lower(hex(hash)) from entry where seq = " + std::to_string(seq));
  }
  CommandResult verify_head(const std::string& head) const {
    return call({"journal", "verify", "--head", head});
  }
  void require_broken(const std::string& head, int seq, const std::string& reason) const {
    const auto result = verify_head(head);
    BOOST_TEST_CONTEXT(result.out << result.err) {
      BOOST_TEST(result.status == 1);
      BOOST_TEST(result.out == "");
      BOOST_TEST(contains(result.err, "converge: error: the journal is broken at entry " +
                                          std::to_string(seq) + ": "));
      BOOST_TEST(contains(result.err, reason));
      BOOST_TEST(contains(result.err, "converge: hint: "));
    }
    const auto json = call({"journal", "verify", "-o", "json", "--head", head});
    BOOST_TEST(json.status == 1);
    BOOST_TEST(member(json.out, "verdict") == "broken");
    BOOST_TEST(member(json.out, "broken_seq") == std::to_string(seq));
  }
  /// What a prune leaves.
  void prune_up_to(int seq) const {
    const auto last = std::to_string(seq);
    tamper("update chain set pruned_seq = " + last +
           ", pruned_hash = (select hash from entry where seq = " + last +
           "); delete from entry where seq <= " + last +
           "; update chain set block_first_seq = " + last +
           " + 1, (block_min_us, block_max_us) = (select min(time_us), max(time_us) from entry)");
  }
};

BOOST_FIXTURE_TEST_SUITE(journal_verify, JournalVerify)

BOOST_AUTO_TEST_CASE(kept_head_that_is_there_is_whole) {
  for (const int seq : {1, 5, 8}) {
    for (const char* between : {":", " "}) {
      const auto result = verify_head(std::to_string(seq) + between + hash_of(seq));
      BOOST_TEST(result.status == 0);
      BOOST_TEST(result.err == "");
      BOOST_TEST(result.out == "whole: 8 entries verified, head 8 " + hash_of(8) + "\n");
    }
  }
  const auto upper = ask_journal("select '8:' || hex(head_hash) || char(10) from chain");
  BOOST_TEST(verify_head(upper).status == 0);
}

BOOST_AUTO_TEST_CASE(kept_head_with_another_hash_is_broken_there) {
  require_broken("5:" + hash_of(4), 5, "kept elsewhere");
}

BOOST_AUTO_TEST_CASE(kept_head_beyond_the_end_tells_that_entries_were_cut_off) {
  require_broken("11:" + hash_of(8), 9, "all others up to 11");
}

BOOST_AUTO_TEST_CASE(kept_head_that_was_pruned_is_said_to_be) {
  const auto before = hash_of(2);
  const auto exactly = hash_of(4);
  prune_up_to(4);
  const auto result = verify_head("2:" + before);
  BOOST_TEST(result.status == 1);
  BOOST_TEST(result.out == "");
  BOOST_TEST(contains(result.err, "entry 2 was pruned, and so were all others up to 4"));
  BOOST_TEST(contains(result.err, "converge: hint: "));
  BOOST_TEST(member(call({"journal", "verify", "-o", "json", "--head", "2:" + before}).out,
                    "verdict") == "unproven");
  BOOST_TEST(verify_head("4:" + exactly).status == 0);
  require_broken("4:" + before, 4, "kept elsewhere");
}

BOOST_AUTO_TEST_CASE(nonsense_for_a_head_is_refused_with_an_example) {
  const auto hash = hash_of(8);
  for (const auto& head :
       {std::string("x"), std::string(""), std::string("8"), "8:" + hash.substr(1),
        "8:" + hash + "0", "8" + hash, "8-" + hash, ":" + hash, "-8:" + hash,
        "8:" + std::string(64, 'g'), "99999999999999999999:" + hash, "8:" + hash + " 9"}) {
    BOOST_TEST_CONTEXT(head) {
      const auto result = verify_head(head);
      BOOST_TEST(result.status == 2);
      BOOST_TEST(result.out == "");
      BOOST_TEST(contains(result.err, "not SEQ:HASH"));
      BOOST_TEST(contains(result.err, "as in --head 1042:"));
    }
  }
}

BOOST_AUTO_TEST_CASE(verify_is_whole_while_a_pass_writes) {
  add_accounts(1500);
  define("archive", archiver("-- chunk: 20\n"));
  archive_accounts("id > 2");
  Command pass = start({"run", "archive"});
  BOOST_REQUIRE(eventually([&] { return ask_journal("select head_seq > 8 from chain") == "1"; }));
  for (int round = 0; round < 3; ++round) {
    const auto result = call({"journal", "verify"});
    BOOST_TEST(result.status == 0);
    BOOST_TEST(result.err == "");
    BOOST_TEST(contains(result.out, "whole: "));
  }
  BOOST_TEST(pass.wait().status == 0);
  BOOST_TEST(call({"journal", "verify"}).status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
