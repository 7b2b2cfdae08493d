#include "tests/cli/doctor_fixture.h"
#include "tests/support/apart.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <filesystem>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace converge::tests;

BOOST_FIXTURE_TEST_SUITE(doctor, Patient)

BOOST_AUTO_TEST_CASE(host_on_which_all_is_well_is_told_so) {
  add_accounts(2);
  archive_accounts();
  const auto result = examine();
  BOOST_TEST_CONTEXT(result.out << result.err) {
    BOOST_TEST(result.status == 0);
    BOOST_TEST(result.err == "");
    for (const auto& line : lines(result.out)) BOOST_TEST(line.starts_with("ok       "));
    BOOST_TEST(contains(result.out, "rights: postgres may run every statement of 1 converger"));
    BOOST_TEST(contains(result.out, "journal.db does not exist yet, and can be made"));
    BOOST_TEST(contains(result.out, "listen: a NOTIFY comes back"));
    BOOST_TEST(contains(result.out, "tls: not needed"));
    BOOST_TEST(contains(result.out, "pooling: the session is the server's own"));
    BOOST_TEST(contains(result.out, "update: no [update] url"));
  }
  BOOST_TEST(examine({"-q"}).out == "");
  // Nothing was done, and nothing was made.
  BOOST_TEST(audited_rows() == "0");
  BOOST_TEST(!std::filesystem::exists(journal.parent_path()));
}

BOOST_AUTO_TEST_CASE(journal_is_not_touched) {
  add_accounts(1);
  archive_accounts();
  BOOST_REQUIRE(call({"run"}).status == 0);
  const auto before = read_text(journal);
  const auto head = call({"journal", "head"}).out;
  BOOST_TEST(told("integrity").starts_with("ok "));
  BOOST_TEST(told("unfinished") == "ok every transaction has its outcome");
  BOOST_TEST(told("journal") == "ok " + journal.string());
  BOOST_TEST((read_text(journal) == before));
  BOOST_TEST(call({"journal", "head"}).out == head);
  BOOST_TEST(call({"journal", "verify"}).status == 0);
}

BOOST_AUTO_TEST_CASE(broken_configuration_hides_nothing_else) {
  directory.write("converge.toml", "[database]\nulr = \"x\"\n");
  const auto result = examine();
  BOOST_TEST(result.status == 1);
  BOOST_TEST(
      contains(result.out, "bad      configuration: " + (directory / "converge.toml").string() +
                               ":2:1: unknown key database.ulr. Did you mean url?"),
      result.out);
  BOOST_TEST(contains(result.out, "ok       rights: "), result.out);
}

BOOST_AUTO_TEST_CASE(configuration_that_others_can_write_is_bad) {
  const auto file = (directory / "converge.toml").string();
  ::chmod(file.c_str(), 0666);
  const auto answer = told("configuration");
  BOOST_TEST(answer.starts_with("bad " + file + " is writable by others"), answer);
  BOOST_TEST(answer.ends_with("-> Run: chmod go-w " + file), answer);
}

BOOST_AUTO_TEST_CASE(password_that_all_can_read_is_warned_of_and_not_printed) {
  environment.erase("CONVERGE_DATABASE");
  const auto file =
      directory.write("converge.toml", "[database]\nurl = \"" + url + "&password=sesame-1234\"\n");
  ::chmod(file.c_str(), 0644);
  const auto result = examine();
  BOOST_TEST(result.status == 0);
  BOOST_TEST(contains(result.out, "warning  configuration: " + file.string() +
                                      " has a password in [database] url, and every user can "
                                      "read it. Run: chmod o-r " +
                                      file.string()),
             result.out);
  BOOST_TEST(!contains(result.out + result.err, "sesame"));
  ::chmod(file.c_str(), 0640);
  BOOST_TEST(told("configuration") == "ok " + file.string());
}

BOOST_AUTO_TEST_CASE(each_broken_definition_is_told) {
  define("odd", "-- every: often\n-- find:\nselect 1;\n");
  const auto open = define("open", archiver(""));
  ::chmod(open.c_str(), 0666);
  const auto answer = lines(told("definitions"));
  BOOST_REQUIRE(answer.size() == 2u);
  BOOST_TEST(answer[0].starts_with("bad " + (convergers / "odd.sql").string() + ":1:"), answer[0]);
  BOOST_TEST(contains(answer[1], "is writable by others"), answer[1]);
  BOOST_TEST(told("rights").starts_with("ok "));  // Of those that are good.
}

BOOST_AUTO_TEST_CASE(missing_directory_of_definitions_is_bad) {
  BOOST_TEST(
      told("definitions", {"--convergers", (directory / "gone").string()}).starts_with("bad "));
  std::filesystem::create_directory(directory / "empty");
  const auto answer = told("definitions", {"--convergers", (directory / "empty").string()});
  BOOST_TEST(answer.starts_with("warning there is no definition in "), answer);
}

BOOST_AUTO_TEST_CASE(server_that_is_down_hides_nothing_else) {
  const auto result = examine({"--database", "postgresql:///x?host=" + directory.path().string()});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, "bad      database: cannot connect: "), result.out);
  BOOST_TEST(contains(result.out, "Is PostgreSQL running there?"), result.out);
  BOOST_TEST(contains(result.out, "warning  server: not checked, nor tls"), result.out);
  BOOST_TEST(contains(result.out, "ok       space: "), result.out);
}

BOOST_AUTO_TEST_CASE(missing_rights_are_told_with_the_grants_that_mend_them) {
  as_role("grant select on all tables in schema public to " + role + ";");
  const auto before = told("rights");
  BOOST_TEST_CONTEXT(before) {
    BOOST_REQUIRE(before.starts_with("bad "));
    BOOST_TEST(contains(before, "permission denied for table cluster"));
    BOOST_TEST(before.ends_with("-> As the owner, run: grant update on public.api_key to \"" +
                                role + "\"; grant update on public.cluster to \"" + role + "\";"));
  }
  sql(before.substr(before.find("grant ")));
  BOOST_TEST(told("rights") == "ok " + role + " may run every statement of 1 converger");
  // It was no idle talk: that is what a pass needs.
  add_accounts(1);
  archive_accounts();
  const auto ran = call({"run", "archive"});
  BOOST_TEST(ran.status == 0, ran.err);
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(grant_is_told_for_inserts_deletes_and_locked_rows) {
  define("archive", R"sql(-- find:
select id from account where archived_at is not null for update;

-- step: note
insert into audit (relation, account_id, row_id)
select 'x', subject.id, subject.id from subject returning account_id;

-- step: clear
delete from only public.api_key using subject where account_id = subject.id returning subject.id;
)sql");
  as_role();
  auto answer = told("rights");
  BOOST_TEST(contains(answer, "grant delete, select on public.api_key to "), answer);
  BOOST_TEST(contains(answer, "grant insert, select on public.audit to "), answer);
  BOOST_TEST(contains(answer, "grant select on public.account to "), answer);
  sql(answer.substr(answer.find("grant ")));
  // That rows are locked is seen once they may be read.
  answer = told("rights");
  BOOST_TEST(answer.ends_with("run: grant update on public.account to \"" + role + "\";"), answer);
  sql(answer.substr(answer.find("grant ")));
  BOOST_TEST(told("rights").starts_with("ok "));
}

BOOST_AUTO_TEST_CASE(tables_below_a_view_are_its_owners_business) {
  sql("create view archived as select id, email from account where archived_at is not null");
  define("archive",
         "-- find:\nselect id from archived;\n-- step: s\nselect id from subject where false;\n");
  as_role();
  const auto answer = told("rights");
  BOOST_TEST(answer.ends_with("run: grant select on public.archived to \"" + role + "\";"), answer);
  sql("grant select on archived to " + role);
  BOOST_TEST(told("rights").starts_with("ok "));
}

BOOST_AUTO_TEST_CASE(right_to_a_schema_or_a_function_is_told) {
  sql("create schema sales; create table sales.deal (id bigint primary key); "
      "create function secret() returns boolean language sql as 'select true'; "
      "revoke execute on function secret from public");
  define("archive", "-- find:\nselect id from sales.deal;\n-- step: s\nselect id from subject;\n");
  as_role(all_rights(role));
  auto answer = told("rights");
  BOOST_TEST(contains(answer, "run: grant usage on schema sales to \"" + role + "\";"), answer);
  sql("grant usage on schema sales to " + role + "; grant select on sales.deal to " + role);
  BOOST_TEST(told("rights").starts_with("ok "));
  define("archive",
         "-- find:\nselect id from account where secret();\n-- step: s\nselect id from subject;\n");
  answer = told("rights");
  BOOST_TEST(contains(answer, "run: grant execute on function secret to \"" + role + "\";"),
             answer);
  sql("grant execute on function secret to " + role);
  BOOST_TEST(told("rights").starts_with("ok "));
}

BOOST_AUTO_TEST_CASE(row_security_is_warned_of) {
  as_role(all_rights(role));
  sql("alter table account enable row level security");
  const auto answer = told("rights");
  BOOST_TEST(answer.starts_with("warning row security decides which rows of public.account"),
             answer);
}

BOOST_AUTO_TEST_CASE(statement_that_the_server_refuses_is_told) {
  define("odd", "-- find:\nselect id from nowhere;\n-- step: s\nselect id from subject;\n");
  const auto answer = told("rights");
  BOOST_TEST(contains(answer, "relation \"nowhere\" does not exist"), answer);
  BOOST_TEST(lines(answer).size() == 1u);
}

BOOST_AUTO_TEST_CASE(role_that_may_only_read_is_bad) {
  as_role(all_rights(role) + "alter role " + role + " set default_transaction_read_only = on");
  const auto answer = told("server");
  BOOST_TEST(answer.starts_with("bad PostgreSQL 15."), answer);
  BOOST_TEST(contains(answer, "transactions of " + role + " in " + database + " are read-only"),
             answer);
}

BOOST_AUTO_TEST_CASE(too_few_connections_are_warned_of) {
  as_role(all_rights(role) + "alter role " + role + " connection limit 4");
  const auto answer = told("connections");
  BOOST_TEST(answer.starts_with("warning 3 free for the role " + role + "; a daemon uses 6"),
             answer);
  sql("alter role " + role + " connection limit 6");
  BOOST_TEST(told("connections").starts_with("ok "));
}

BOOST_AUTO_TEST_CASE(clock_that_is_wrong_is_told) {
  prefix = {"faketime", "-f", "+10s"};
  BOOST_TEST(told("clock").starts_with("warning this host is 10s ahead of the server"));
  prefix = {"faketime", "-f", "-1h"};
  const auto answer = told("clock");
  BOOST_TEST(answer.starts_with("bad this host is 1h behind the server"), answer);
}

BOOST_AUTO_TEST_CASE(journal_that_others_reach_is_told) {
  BOOST_REQUIRE(call({"run"}).status == 0);
  BOOST_REQUIRE(call({"pause", "archive", "--reason", "so that there is a file"}).status == 0);
  ::chmod(journal.c_str(), 0644);
  BOOST_TEST(told("journal") == "warning " + journal.string() +
                                    " is open to others (mode 0644) -> Run: chmod 600 " +
                                    journal.string());
  ::chmod(journal.parent_path().c_str(), 0770);
  const auto answer = told("journal");
  BOOST_TEST(answer.starts_with("bad " + journal.parent_path().string() +
                                " can be written by others (mode 0770)"),
             answer);
}

BOOST_AUTO_TEST_CASE(journal_of_another_user_is_bad) {
  BOOST_REQUIRE(call({"pause", "archive", "--reason", "so that there is a file"}).status == 0);
  ::chmod(journal.parent_path().c_str(), 0755);
  prefix = as_nobody();
  BOOST_REQUIRE(!prefix.empty());
  const auto answer = told("journal");
  BOOST_TEST(answer.starts_with("bad cannot write " + journal.parent_path().string()), answer);
  BOOST_TEST(contains(answer, "It belongs to root: run converge as root"), answer);
}

BOOST_AUTO_TEST_CASE(damaged_journal_is_bad) {
  add_accounts(60);
  archive_accounts();
  BOOST_REQUIRE(call({"run"}).status == 0);
  BOOST_REQUIRE(
      run_command({"sqlite3", journal.string(), "pragma wal_checkpoint(truncate)"}).status == 0);
  auto bytes = read_text(journal);
  for (std::size_t page = 8192 * 8; page + 4096 < bytes.size(); page += 8192) {
    bytes.replace(page, 64, std::string(64, '\x5a'));
  }
  write_text(journal, bytes);
  const auto answer = told("integrity");
  BOOST_TEST(answer.starts_with("bad "), answer);
  BOOST_TEST((read_text(journal) == bytes));  // It is not moved aside by this.
}

BOOST_AUTO_TEST_CASE(file_that_is_no_journal_is_bad) {
  std::filesystem::create_directories(journal.parent_path());
  write_text(journal, "certainly not a journal, but some text that is long enough to be looked at");
  BOOST_TEST(told("integrity").starts_with("bad "), told("integrity"));
}

BOOST_AUTO_TEST_CASE(unknown_transaction_waits_for_a_person) {
  add_accounts(1);
  archive_accounts();
  die_at("pass.after_commit", {"run"});
  // The server is another one by now, as far as the record can tell.
  tamper("update entry set detail = json_set(detail, '$.timeline', 77) where kind = 1");
  BOOST_REQUIRE(call({"run"}).status == 0);
  const auto answer = told("unfinished");
  BOOST_TEST(answer.starts_with("warning whether 1 transaction committed is not known"), answer);
  BOOST_TEST(contains(answer, "`converge journal settle 1 committed --reason TEXT`"), answer);
}

BOOST_AUTO_TEST_CASE(transaction_without_an_outcome_is_settled_by_the_next_pass) {
  add_accounts(1);
  archive_accounts();
  die_at("pass.after_commit", {"run"});
  BOOST_TEST(told("unfinished") ==
             "ok 1 entry without an outcome yet, which the next pass settles");
  BOOST_TEST(ask_journal("select count(*) from unsettled") == "1");  // Not by this.
}

BOOST_AUTO_TEST_CASE(little_space_and_a_read_only_file_system_are_told) {
  std::filesystem::create_directory(directory / "state");
  const auto state = (directory / "state").string();
  const auto look = [&](const char* options, unsigned long flags) {
    return run_apart([&] {
      take_private_mounts();
      mount_at("none", state, "tmpfs", flags, options);
      return told("space");
    });
  };
  const auto some = look("size=200m,mode=0700", 0);
  BOOST_TEST(some.starts_with("warning 200 MiB free in " + state), some);
  const auto little = look("size=8m,mode=0700", 0);
  BOOST_TEST(little.starts_with("bad 8 MiB free in " + state), little);
  const auto files = look("size=600m,nr_inodes=10,mode=0700", 0);
  BOOST_TEST(files.starts_with("bad " + state + " can take 9 more files"), files);
  const auto frozen = look("size=600m,mode=0700", MS_RDONLY);
  BOOST_TEST(frozen.starts_with("bad the file system of " + state + " is read-only"), frozen);
  BOOST_TEST(look("size=600m,mode=0700", 0) == "ok 600 MiB free in " + state);
}

BOOST_AUTO_TEST_CASE(narrow_terminal_breaks_lines_at_words) {
  // script(1) has a terminal of its own for it.
  environment["CONVERGE_DATABASE"] = "postgresql:///x?host=/nowhere-that-is-a-long-name";
  const auto result = run_command(
      {"script", "-qec", "stty cols 44; exec " + binary + " doctor --color never", "/dev/null"},
      {.environment = environment});
  BOOST_TEST(result.status == 1);
  bool broken = false;
  for (const auto& line : lines(result.out)) {
    const bool single = line.find(' ', 9) == std::string::npos;  // A path is not broken.
    BOOST_TEST((line.size() <= 45 || single), line);             // With the carriage return.
    broken = broken || line.starts_with("         ");
  }
  BOOST_TEST(broken);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
