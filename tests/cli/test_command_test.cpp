#include "tests/cli/test_command_fixture.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <fcntl.h>
#include <regex>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace converge::tests;

BOOST_FIXTURE_TEST_SUITE(test_command, Tests)

BOOST_AUTO_TEST_CASE(passes_and_leaves_nothing_behind) {
  write("-- case: loses its clusters\n" + kGiven + kExpect + kAsk +
        "--   11 | f\n--   12 | f\n-- case: is right\n-- expect: nothing\n");
  const auto result = call({"test"});
  BOOST_TEST(result.err == "");
  BOOST_TEST(timeless(result.out) ==
             "archive\n  ✓ loses its clusters (T)\n  ✓ is right (T)\n2 cases, all passed (T)\n");
  BOOST_TEST(result.status == 0);
  BOOST_TEST(call({"test", "archive", "-q"}).out == "");
}

BOOST_AUTO_TEST_CASE(schema_may_be_as_pg_dump_writes_it) {
  const std::string schema =
      "\\restrict 0abc\n\n" + read_text("convergers/platform/schema.sql") + "\n\\unrestrict 0abc\n";
  const auto file = directory.write("dump.sql", schema).string();
  write(kGiven + kExpect);
  const auto result = call({"test", "archive", "--scratch", "--schema", file});
  BOOST_TEST(result.status == 0, result.out << result.err);
  directory.write("dump.sql", "\\connect other\n");
  const auto refused = call({"test", "archive", "--scratch", "--schema", file});
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(contains(refused.err, "syntax error at or near"), refused.err);
}

BOOST_AUTO_TEST_CASE(bundled_tests_pass) {
  for (const std::string name : {"schema.sql", "archive_account.sql", "archive_account.test.sql"}) {
    directory.write("platform/" + name, read_text("convergers/platform/" + name));
  }
  const auto file = directory / "platform" / "archive_account.test.sql";
  for (const Words& arguments : {Words{"test", file}, Words{"test", "--scratch", file}}) {
    const auto result = call(arguments);
    BOOST_TEST_CONTEXT(result.out << result.err) {
      BOOST_TEST(result.status == 0);
      BOOST_TEST(contains(result.out, "3 cases, all passed"));
    }
  }
}

BOOST_AUTO_TEST_CASE(drafted_test_passes) {
  // Nothing that only a person could make up a value for.
  sql("create table project (id bigserial primary key, name text not null, closed_at timestamptz);"
      "create table task (id bigserial primary key, project_id bigint not null references project, "
      "title text not null, closed_at timestamptz)");
  BOOST_TEST_REQUIRE(call({"new", "draft", "--flag", "project.closed_at"}).status == 0);
  const auto result = call({"test", "draft"});
  BOOST_TEST(result.status == 0, result.out << result.err);
  BOOST_TEST(contains(result.out, "2 cases, all passed"));
}

BOOST_AUTO_TEST_CASE(converger_that_is_not_idempotent_is_caught) {
  define("archive", kFind +
                        "-- step: archive clusters\n"
                        "update cluster set archived_at = now(), size = size + 10 from subject\n"
                        "where cluster.account_id = subject.id\n"
                        "returning subject.id, cluster.id as cluster;\n");
  require_failed(
      kGiven + kExpect + "-- then:\nselect sum(size) from cluster;\n-- is:\n--   40\n",
      "    FILE:1: not idempotent: step archive clusters changed 2 rows again\n"
      "      + id 1, cluster 11\n"
      "      + id 1, cluster 12\n"
      "    hint: A subject that is right already must give no row: name what is still wrong in the "
      "step's condition, such as `... is null`.\n");
}

BOOST_AUTO_TEST_CASE(other_changes_are_shown_as_a_difference) {
  require_failed(kGiven + "-- expect: subject 1, step archive clusters, 3 changes\n",
                 "    FILE:7: the steps do something else than is expected\n"
                 "      - subject 1, step archive clusters, 3 changes\n"
                 "      + subject 1, step archive clusters, 2 changes\n");
  require_failed(kGiven + kExpect + "-- expect: subject 2, step archive clusters, 1 change\n",
                 "    FILE:7: the steps do something else than is expected\n"
                 "        subject 1, step archive clusters, 2 changes\n"
                 "      - subject 2, step archive clusters, 1 change\n");
  require_failed(kGiven + "-- expect: nothing\n",
                 "    FILE:1: the steps do something else than is expected\n"
                 "      + subject 1, step archive clusters, 2 changes\n");
}

BOOST_AUTO_TEST_CASE(other_rows_are_shown_as_a_difference) {
  require_failed(kGiven + kExpect + kAsk +
                     "--   11 | t\n--   12 | f\n"
                     "-- then:\nselect '', null, 'null', 'a|b', 'plain';\n-- is:\n",
                 "    FILE:9: the query returns other rows\n"
                 "      - 11 | t\n"
                 "      + 11 | f\n"
                 "        12 | f\n"
                 "    FILE:14: the query returns other rows\n"
                 "      + '' | null | 'null' | 'a|b' | plain\n");
}

BOOST_AUTO_TEST_CASE(what_steps_outside_would_send_is_compared) {
  define("archive", kArchive +
                        "\n-- http: tell\n--   GET ${X}\n--\n--   gone\n\n-- step: mark\n"
                        "update account set name = 'told' from subject\n"
                        "where account.id = subject.id and name <> 'told' returning subject.id;\n");
  const auto told = kExpect + "-- expect: subject 1, http tell, GET ${X}\n--   GET ${X}\n--\n--   ";
  const std::string mark = "\n-- expect: subject 1, step mark, 1 change\n";
  BOOST_TEST(call({"test", write(kGiven + told + "gone" + mark)}).status == 0);
  require_failed(kGiven + told + "here" + mark,
                 "    FILE:8: http tell would send something else to subject 1\n"
                 "        GET ${X}\n        \n      - here\n      + gone\n");
}

BOOST_AUTO_TEST_CASE(difference_is_coloured_when_asked) {
  write(kGiven + kExpect + kAsk + "--   11 | t\n--   12 | f\n");
  const auto result = call({"--color", "always", "test", "archive"});
  BOOST_TEST(contains(result.out,
                      "\x1b[31m- 11 | t\x1b[0m\n      \x1b[32m+ 11 | f\x1b[0m\n        12 | f\n"));
  BOOST_TEST(result.status == 1);
}

BOOST_AUTO_TEST_CASE(error_of_the_server_is_told_at_its_place) {
  require_failed("-- given:\nselect 1;\nselect\n  nosuch\nfrom account;\n" + kExpect,
                 "    FILE:4: column \"nosuch\" does not exist\n");
  require_failed("-- given:\ninsert into plan values ('x y', 1, 1);\n" + kExpect,
                 "    FILE:2: new row for relation \"plan\" violates check constraint "
                 "\"plan_name_check\"; detail: Failing row contains (x y, 1, 1)\n");
  // The queries behind one that failed are asked all the same.
  require_failed(kGiven + kExpect + "-- then:\nselect 1/0;\n-- is:\n-- then:\nselect 1;\n-- is:\n",
                 "    FILE:9: division by zero\n"
                 "    FILE:12: the query returns other rows\n"
                 "      + 1\n");
}

BOOST_AUTO_TEST_CASE(error_of_the_converger_fails_the_case) {
  define("archive", kFind +
                        "-- step: s\nupdate cluster set name = '' from subject\n"
                        "where account_id = subject.id returning subject.id;\n");
  const auto file = write(kGiven + "-- expect: nothing\n");
  const auto result = call({"test", file});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, file + ":1: step s: new row for relation \"cluster\" violates"));
  define("archive", kFind +
                        "-- step: s\nupdate cluster set archived_at = now() from subject\n"
                        "where archived_at is null returning cluster.id;\n");
  BOOST_TEST(contains(call({"test", file}).out, "step s returned the key 11, which find did not"));
  define("archive",
         "-- find:\nselect account_id from cluster;\n-- step: s\n"
         "select id from subject join account using (id) where false;\n");
  BOOST_TEST(call({"test", file}).status == 1);
  define("archive",
         "-- find:\nselect account_id as id from cluster;\n-- step: s\n"
         "select subject.id from subject where false;\n");
  BOOST_TEST(contains(call({"test", file}).out, "find returned the key 1 twice"));
}

BOOST_AUTO_TEST_CASE(subjects_are_converged_in_chunks) {
  define("archive", "-- chunk: 2\n" + kArchive);
  std::string expected;
  for (const std::string key : {"5", "4", "3", "2", "1"}) {
    expected += "-- expect: subject " + key + ", step archive clusters, 1 change\n";
  }
  write(
      "-- given:\n"
      "insert into account (id, email, name, archived_at) overriding system value\n"
      "select n, n || '@example.com', 'Account', now() from generate_series(1, 5) n;\n"
      "insert into cluster (account_id, name, region, plan)\n"
      "select id, 'c', 'eu-west-1', 'starter' from account;\n" +
      expected);
  const auto result = call({"test"});
  BOOST_TEST(result.status == 0, result.out << result.err);
}

BOOST_AUTO_TEST_CASE(deferred_constraints_are_checked) {
  const std::string constraint =
      "create table part (account_id bigint references account deferrable initially deferred);\n";
  require_failed(
      "-- given:\n" + constraint + "insert into part values (7);\n-- expect: nothing\n",
      "    FILE:1: what is given breaks a deferred constraint: insert or update on table "
      "\"part\" violates foreign key constraint \"part_account_id_fkey\"; detail: Key "
      "(account_id)=(7) is not present in table \"account\"\n");
  define("archive",
         kFind +
             "-- step: archive clusters\n"
             "with gone as (insert into part select 7 where not exists (select from part))"
             " update cluster set archived_at = now() from subject\n"
             "where account_id = subject.id and archived_at is null\n"
             "returning subject.id;\n");
  const auto file = write(kGiven + constraint + kExpect);
  const auto result = call({"test", file});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, "what the steps did breaks a deferred constraint: insert or"));
}

BOOST_AUTO_TEST_CASE(commit_in_a_procedure_fails_the_case) {
  const auto file = write("-- given:\ndo $$ begin commit; end $$;\n-- expect: nothing\n");
  const auto result = call({"test", file});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, file + ":2: invalid transaction termination"));
}

BOOST_AUTO_TEST_CASE(mistake_in_a_file_runs_nothing) {
  write(kGiven + kExpect);
  const auto bad = write("-- given:\ncommit;\n", "bad");
  define("bad", kArchive);
  const auto result = call({"test"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(result.out == "");
  BOOST_TEST(lines(result.err).at(0) == "converge: error: " + bad + ":2:1: commit in a case");
}

BOOST_AUTO_TEST_CASE(step_that_the_converger_lacks_is_a_mistake) {
  const auto file = write("-- expect: subject 1, step archive cluster, 1 change\n");
  const auto result = call({"test", file});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(lines(result.err).at(0) ==
             "converge: error: " + file + ":1:28: archive has no step archive cluster");
  BOOST_TEST(contains(result.err, "Did you mean archive clusters?"));
}

BOOST_AUTO_TEST_CASE(title_that_needs_quotes_is_suggested_in_quotes) {
  define("archive", kFind + "-- step: end, items\nselect id from subject where false;\n");
  const auto result = call({"test", write("-- expect: subject 1, step 'end item', 1 change\n")});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "Did you mean 'end, items'?"), result.err);
}

BOOST_AUTO_TEST_CASE(subject_that_the_first_pass_made_is_told_as_that) {
  define("archive", kFind +
                        "-- step: next\nupdate account set archived_at = now() from subject\n"
                        "where account.id = subject.id + 1 and account.archived_at is null\n"
                        "returning subject.id, account.id as account;\n");
  const auto result = call({"test", write("-- given:\n"
                                          "insert into account (id, email, name, archived_at) "
                                          "overriding system value\nselect n, n || '@example.com', "
                                          "'A', case n when 1 then now() end "
                                          "from generate_series(1, 3) n;\n"
                                          "-- expect: subject 1, step next, 1 change\n")});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, "not idempotent: step next changed 1 row again"), result.out);
  BOOST_TEST(contains(result.out, "hint: Subject 2 was not found before the first pass"),
             result.out);
}

BOOST_AUTO_TEST_CASE(file_without_its_converger_is_a_mistake) {
  const auto result = call({"test", write("-- expect: nothing\n", "orphan")});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "there is no converger orphan"));
  std::filesystem::remove(convergers / "orphan.test.sql");
  BOOST_TEST(call({"test"}).status == 2);
  BOOST_TEST(contains(call({"test"}).err, "there is no NAME.test.sql in " + convergers.string()));
  BOOST_TEST(call({"test", "nosuch"}).status == 2);
}

BOOST_AUTO_TEST_CASE(prove_understands_the_output) {
  const auto good = write("-- case: number # todo\n" + kGiven + kExpect);
  const auto prove = [&](const std::string& file) {
    return run_command({"prove", "--exec", binary + " test -o tap", file},
                       {.environment = environment});
  };
  const auto passed = prove(good);
  BOOST_TEST_CONTEXT(passed.out << passed.err) {
    BOOST_TEST(passed.status == 0);
    BOOST_TEST(contains(passed.out, "Files=1, Tests=1"));
    BOOST_TEST(contains(passed.out, "Result: PASS"));
    BOOST_TEST(!contains(passed.out, "TODO passed"));
  }
  const auto failed =
      prove(write("-- case: a\n" + kGiven + kExpect + "-- case: b\n" + kGiven + kExpect + kAsk));
  BOOST_TEST_CONTEXT(failed.out << failed.err) {
    BOOST_TEST(failed.status == 1);
    BOOST_TEST(contains(failed.out, "Failed 1/2 subtests"));
    BOOST_TEST(!contains(failed.out, "Parse errors"));
  }
  const auto tap = call({"test", "-o", "tap"});
  BOOST_TEST(lines(tap.out).at(0) == "TAP version 13");
  BOOST_TEST(lines(tap.out).at(1) == "1..2");
  BOOST_TEST(std::regex_search(tap.out, std::regex("\nok 1 - archive: a\n  ---\n  duration_ms")));
  BOOST_TEST(contains(tap.out, "\nnot ok 2 - archive: b\n  ---\n"));
  BOOST_TEST(contains(tap.out, "\n  message: \"the query returns other rows\"\n"));
  BOOST_TEST(tap.out.ends_with("\n  ...\n"));
}

BOOST_AUTO_TEST_CASE(json_has_each_case_and_the_sum) {
  write(kGiven + kExpect + kAsk);
  const auto result = call({"test", "-o", "json"});
  BOOST_TEST(result.status == 1);
  const auto all = lines(result.out);
  BOOST_REQUIRE(all.size() == 2u);
  BOOST_TEST(member(all[0], "converger") == "archive");
  BOOST_TEST(member(all[0], "outcome") == "failed");
  BOOST_TEST(contains(all[0], "\"expected\":[],\"got\":[\"11 | f\",\"12 | f\"]"));
  BOOST_TEST(member(all[1], "kind") == "summary");
  BOOST_TEST(member(all[1], "failed") == "1");
}

BOOST_AUTO_TEST_CASE(unreachable_server_bails_out) {
  write("-- expect: nothing\n");
  const auto result =
      call({"test", "-o", "tap", "--database", "host=" + directory.path().string()});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, "\nBail out! cannot connect"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
