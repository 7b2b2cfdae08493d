#include "tests/cli/new_fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

BOOST_FIXTURE_TEST_SUITE(new_, New)

BOOST_AUTO_TEST_CASE(platform_gets_a_draft_that_corrects) {
  const auto result = call({"new", "draft", "--flag", "account.archived_at"});
  BOOST_TEST_REQUIRE(result.status == 0, result.err);
  BOOST_TEST(contains(result.out, (convergers / "draft.sql").string() + "\n" +
                                      (convergers / "draft.test.sql").string() + "\n"));
  for (const char* next : {"converge check draft", "converge plan draft", "converge test "}) {
    BOOST_TEST(contains(result.out, next));
  }
  BOOST_TEST(contains(result.err, "warning: api_key refers to account and has no archived_at"));
  BOOST_TEST(!contains(result.err, "create index"), result.err);
  const std::string text = definition();
  for (const char* part :
       {"--   update account set archived_at = now() where email = 'TARGET' returning *;\n",
        "-- every: 1m\n", "--   listen: account_archived_at\n", "--   limit: 100\n",
        "select id, email as label\nfrom account\nwhere archived_at > now() - interval '1 day';\n",
        "-- Decide: api_key refers to account by account_id and has no archived_at.",
        "-- step: set archived_at of cluster\nupdate cluster\nset archived_at = now()\n"
        "from subject\nwhere cluster.account_id = subject.id\n  and cluster.archived_at is null\n"
        "returning subject.id, cluster.id as cluster;\n"}) {
    BOOST_TEST(contains(text, part), part << "\nin\n" << text);
  }
  BOOST_TEST(call({"check"}).out == "draft  good\n");
  BOOST_TEST(!has_journal());
  add_accounts(3);
  archive_accounts("id = 2");
  require_converges();
  BOOST_TEST(sql("select count(*) from cluster where archived_at is not null") == "2");
}

BOOST_AUTO_TEST_CASE(chain_is_followed_parents_first) {
  schema(
      "create table acct (id bigint primary key, gone_at timestamptz); "
      "create table box (id bigint primary key, acct_id bigint not null references acct, "
      "  gone_at timestamptz); "
      "create table a_part (id bigint primary key, box_id bigint not null references box, "
      "  gone_at timestamptz); "
      "create index on acct (gone_at) where gone_at is not null; "
      "create index on box (acct_id) where gone_at is null; "
      "insert into acct values (1, now()), (2, null); insert into box values (1, 1), (2, 2); "
      "insert into a_part values (1, 1), (2, 2)");
  const std::string warned = draft("acct.gone_at");
  const std::string text = definition();
  BOOST_TEST(text.find("update box") < text.find("update a_part"));
  BOOST_TEST(contains(text,
                      "from subject, box\nwhere box.acct_id = subject.id\n"
                      "  and a_part.box_id = box.id\n  and a_part.gone_at is null\n"),
             text);
  const std::string through = "create index concurrently on box (acct_id)";
  const std::string last = "create index concurrently on a_part (box_id) where gone_at is null";
  for (const std::string& index : {through, last}) {
    BOOST_TEST(contains(warned, index + "\n"), warned);
    BOOST_TEST(contains(text, "--   " + index + ";\n"), text);
    sql(index);
  }
  require_converges();
  BOOST_TEST(sql("select string_agg(id::text, ',') from own.a_part where gone_at is null") == "2");
  std::filesystem::remove(convergers / "draft.sql");
  std::filesystem::remove(convergers / "draft.test.sql");
  BOOST_TEST(draft("acct.gone_at") == "");
  std::filesystem::remove(convergers / "draft.sql");
  std::filesystem::remove(convergers / "draft.test.sql");
  sql("drop index own.box_acct_id_idx, own.box_acct_id_idx1");
  const std::string bare = draft("acct.gone_at");
  BOOST_TEST(contains(bare, through + "\n"), bare);
  BOOST_TEST(bare.find(through) == bare.rfind(through), bare);  // The one serves both steps.
}

BOOST_AUTO_TEST_CASE(boolean_flag_has_no_horizon) {
  schema(
      "create table acct (id uuid primary key default gen_random_uuid(), "
      "  gone boolean not null default false); "
      "create table box (id bigint primary key, acct uuid references acct, gone boolean); "
      "insert into acct values (default, true), (default, false); "
      "insert into box select row_number() over (), id from acct");
  const std::string warned = draft("acct.gone");
  BOOST_TEST(contains(warned, "gone is no time, so find has no horizon"));
  BOOST_TEST(contains(warned, "create index concurrently on acct (id) where gone\n"), warned);
  BOOST_TEST(contains(definition(), "from acct\nwhere gone;\n"));
  BOOST_TEST(contains(definition(), "set gone = true\n"));
  BOOST_TEST(contains(definition(), "and box.gone is not true\n"));
  require_converges();
  BOOST_TEST(sql("select count(*) from own.box where gone") == "1");
}

BOOST_AUTO_TEST_CASE(other_flag_is_passed_on) {
  schema(
      "create table acct (id int primary key, gone_by text); "
      "create table box (id int primary key, acct int references acct, gone_by text); "
      "insert into acct values (1, 'eve'), (2, null); insert into box values (1, 1), (2, 2)");
  draft("acct.gone_by");
  require_converges();
  BOOST_TEST(sql("select id, gone_by from own.box where gone_by is not null") == "1|eve");
}

BOOST_AUTO_TEST_CASE(composite_keys_are_joined_by_all_columns) {
  schema(
      "create table acct (realm text, nr int, gone_at timestamp, primary key (realm, nr)); "
      "create table box (realm text, acct_nr int, nr int, gone_at timestamp, "
      "  primary key (realm, acct_nr, nr), foreign key (realm, acct_nr) references acct); "
      "insert into acct values ('a', 1, now()), ('a', 2, null), ('b', 1, null); "
      "insert into box select realm, nr, 7 from acct");
  draft("acct.gone_at");
  BOOST_TEST(contains(definition(), "select realm::text || '/' || nr::text as subject_key"));
  require_converges();
  BOOST_TEST(sql("select realm, acct_nr from own.box where gone_at is not null") == "a|1");
  BOOST_TEST(contains(call({"journal"}).out, "a/1"));
}

BOOST_AUTO_TEST_CASE(self_references_and_cycles_end) {
  schema(
      "create table acct (id int primary key, parent_id int references acct, main_box int, "
      "  gone_at timestamptz); "
      "create table box (id int primary key, made_by int references acct, "
      "  acct_id int not null references acct, inside int references box, gone_at timestamptz); "
      "alter table acct add foreign key (main_box) references box; "
      "insert into acct (id, parent_id, gone_at) values (1, null, now()), (2, 1, null), "
      "  (3, null, null); "
      "insert into box (id, acct_id, made_by) values (1, 1, 3), (2, 3, 1), (3, 2, 2); "
      "update acct set main_box = 1 where id = 1");
  draft("acct.gone_at");
  const std::string text = definition();
  BOOST_TEST(contains(text, "join acct on acct.parent_id = subtree.id\n"), text);
  BOOST_TEST(contains(text, "where box.acct_id = subtree.id\n"), text);
  BOOST_TEST(contains(text, "-- Not followed: acct also refers to box by main_box.\n"), text);
  BOOST_TEST(contains(text, "-- Not followed: box also refers to itself by inside.\n"), text);
  BOOST_TEST(contains(text, "-- Not followed: box also refers to acct by made_by.\n"), text);
  require_converges();
  BOOST_TEST(sql("select string_agg(id::text, ',' order by id) from own.box "
                 "where gone_at is not null") == "1,3");
}

BOOST_AUTO_TEST_CASE(names_in_quotes_and_of_other_schemas_are_kept) {
  schema(
      "create schema \"Other\"; "
      "create table \"Other\".\"User\" (\"Key\" int primary key, \"Order\" int unique, "
      "  \"Gone At\" timestamptz); "
      "create table \"select\" (id int primary key, \"User\" int not null references "
      "  \"Other\".\"User\" (\"Order\"), \"Gone At\" timestamptz); "
      "create table \"Other\".subject (id int primary key, \"of\" int not null references "
      "  \"select\", \"Gone At\" timestamptz); "
      "insert into \"Other\".\"User\" values (1, 10, now()), (2, 20, null); "
      "insert into \"select\" values (1, 10), (2, 20); "
      "insert into \"Other\".subject values (1, 1), (2, 2)");
  draft("\"Other\".\"User\".\"Gone At\"");
  require_converges();
  BOOST_TEST(sql("select s.id, t.id from own.\"select\" s join \"Other\".subject t on t.\"of\" = "
                 "s.id where s.\"Gone At\" is not null and t.\"Gone At\" is not null") == "1|1");
}

BOOST_AUTO_TEST_CASE(long_names_do_not_make_a_title_too_long) {
  const std::string flag(60, 'f');
  const std::string box(60, 'b');
  schema("create table acct (id int primary key, " + flag + " timestamptz); create table " + box +
         " (id int primary key, acct int references acct, " + flag +
         " timestamptz); insert into acct values (1, now()); insert into " + box +
         " values (1, 1)");
  draft("acct." + flag);
  BOOST_TEST(contains(definition(), "-- step: set the flag of table 1\n"), definition());
  require_converges();
}

BOOST_AUTO_TEST_CASE(table_without_the_flag_is_passed_through) {
  schema(
      "create table acct (id int primary key, gone_at timestamptz); "
      "create table link (acct_id int not null references acct, id int unique); "
      "create table box (id int primary key, link_id int references link (id), "
      "  gone_at timestamptz); "
      "create table note (acct_id int references acct, gone_at text); "
      "insert into acct values (1, now()), (2, null); insert into link values (1, 2), (2, 1); "
      "insert into box values (1, 2), (2, 1)");
  const std::string warned = draft("acct.gone_at");
  BOOST_TEST(contains(warned, "link refers to acct and has no gone_at"), warned);
  BOOST_TEST(contains(warned, "note refers to acct and has a gone_at of another type, text"));
  BOOST_TEST(
      contains(definition(), "-- Decide: link refers to acct by acct_id and has no gone_at"));
  require_converges();
  BOOST_TEST(sql("select id from own.box where gone_at is not null") == "1");
}

BOOST_AUTO_TEST_CASE(partitioned_table_is_one_table) {
  schema(
      "create table acct (id int primary key, gone_at timestamptz); "
      "create index on acct (gone_at); "
      "create table box (id int, acct_id int references acct, gone_at timestamptz, "
      "  primary key (id)) partition by hash (id); "
      "create table box_0 partition of box for values with (modulus 2, remainder 0); "
      "create table box_1 partition of box for values with (modulus 2, remainder 1); "
      "insert into acct values (1, now()); insert into box values (1, 1), (2, 1), (3, 1)");
  const std::string warned = draft("acct.gone_at");
  const std::string index = "create index on box (acct_id) where gone_at is null";
  BOOST_TEST(warned ==
             "converge: warning: the way to box lacks an index and would scan a table on "
             "every pass; it helps to run: " +
                 index + "\n");
  sql(index);
  require_converges();
  BOOST_TEST(sql("select count(*) from own.box where gone_at is null") == "0");
}

BOOST_AUTO_TEST_CASE(test_file_inserts_what_may_not_be_left_out) {
  schema(
      "create type colour as enum ('red', 'green'); "
      "create table shelf (code text primary key); "
      "create table acct (id bigint generated always as identity primary key, "
      "  email text not null check (email like '%@%'), gone_at timestamptz); "
      "create table box (id uuid primary key default gen_random_uuid(), acct_id bigint not null "
      "  references acct, shelf text not null references shelf, c colour not null, "
      "  size int not null check (size between 3 and 5), gone_at timestamptz)");
  const std::string warned = draft("acct.gone_at");
  const std::string text = read_text(convergers / "draft.test.sql");
  BOOST_TEST(contains(text,
                      "insert into acct (id, email) overriding system value\n"
                      "values (1000001, 'test@example.com');\n"),
             text);
  BOOST_TEST(contains(text, "insert into shelf (code)\nvalues ('test');\n"), text);
  BOOST_TEST(contains(text, "-- TODO box needs what fits the condition ((size >= 3)"), text);
  BOOST_TEST(!contains(text, "TODO acct"), text);
  BOOST_TEST(
      contains(warned, "warning: the test fails until its lines with TODO have your values"));
  BOOST_TEST(contains(text, "-- expect: subject 1000001, step set gone_at of box, 1 change\n"));
  // The rows are good but for what the file says of itself.
  sql("alter table own.box drop constraint box_size_check");
  const auto given =
      text.substr(text.find("-- given:"), text.find("-- expect:") - text.find("-- given:"));
  sql("set search_path = own, public; " + given);
  require_converges();
}

BOOST_AUTO_TEST_CASE(stdout_writes_no_file) {
  const auto result = call({"new", "draft", "--flag", "account.archived_at", "--stdout"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(contains(result.out, "-- step: set archived_at of cluster\n"));
  BOOST_TEST(contains(result.out, "-- draft.test.sql\n"));
  BOOST_TEST(std::filesystem::is_empty(convergers));
  const auto json = call({"new", "draft", "--flag", "account.archived_at", "-o", "json"});
  BOOST_TEST(member(json.out, "definition_file") == (convergers / "draft.sql").string());
  BOOST_TEST(contains(member(json.out, "warnings"), "api_key"));
  BOOST_TEST(json.err == "");
}

BOOST_AUTO_TEST_CASE(file_that_exists_is_kept) {
  write_text(convergers / "draft.test.sql", "mine");
  const auto result = call({"new", "draft", "--flag", "account.archived_at"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "draft.test.sql exists already"));
  BOOST_TEST(read_text(convergers / "draft.test.sql") == "mine");
  BOOST_TEST(!std::filesystem::exists(convergers / "draft.sql"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_drafted_is_refused) {
  schema(
      "create table lone (id int primary key, gone_at timestamptz); "
      "create table keyless (id int, gone_at timestamptz); "
      "create view seen as select * from lone; "
      "create table acct (id int primary key, gone_at timestamptz); "
      "create table note (acct_id int references acct)");
  require_refused({"draft", "--flag", "lonee.gone_at"}, "there is no table lonee",
                  "Did you mean lone?");
  require_refused({"draft", "--flag", "lone.gone_a"}, "lone has no column gone_a",
                  "Did you mean gone_at?");
  require_refused({"draft", "--flag", "seen.gone_at"}, "\"seen\" is not a table", "");
  require_refused({"draft", "--flag", "keyless.gone_at"}, "keyless has no primary key", "Add a");
  require_refused({"draft", "--flag", "lone.gone_at"}, "no table that refers to lone bears gone_at",
                  "No foreign key leads to it");
  require_refused({"draft", "--flag", "acct.gone_at"}, "no table that refers to acct bears gone_at",
                  "note");
  sql("alter table own.lone add is_gone boolean generated always as (gone_at is not null) stored");
  require_refused({"draft", "--flag", "lone.is_gone"}, "is_gone of lone is generated",
                  "computed from");
  require_refused({"draft", "--flag", "account.created_at"}, "created_at of account is never null",
                  "null until somebody sets it");
  require_refused({"draft", "--flag", "lone"}, "not a column of a table: lone", "TABLE.COLUMN");
  require_refused({"Draft", "--flag", "lone.gone_at"}, "not the name of a converger: Draft",
                  "lower-case");
  require_refused({"schema", "--flag", "lone.gone_at"}, "not the name of a converger: schema",
                  "lower-case");
  require_refused({"draft"}, "--flag is required", "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
