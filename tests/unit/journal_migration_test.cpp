#define BOOST_TEST_DYN_LINK
#include "journal/database.h"
#include "journal/extent.h"
#include "journal/schema.h"
#include "tests/unit/journal_fixture.h"
#include "tests/unit/journal_version1.h"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

/// A journal as a build of schema 1 left it: two transactions, the first committed.
struct Version1 : JournalFixture {
  Version1() {
    const auto made = directory / "made.db";
    {
      Journal journal(made, "daemon", {});
      PassId pass;
      append_txn(journal, pass, 3, "a");
      journal.append_outcome(pass, journal_definition(), 1, Outcome::committed);
      append_txn(journal, pass, 2, "b");
    }
    std::filesystem::create_directory(file.parent_path());
    write_text(file, "");
    ::chmod(file.c_str(), 0600);
    std::string sql = "pragma page_size = 8192; pragma journal_mode = wal;";
    sql += kVersion1Tables;
    sql += "attach '" + made.string() + "' as made;";
    for (const char* table :
         {"kind", "outcome", "actor", "definition", "entry", "block", "chain", "unsettled"}) {
      sql += std::string("insert into ") + table + " select * from made." + table + ";";
    }
    run_sql(file, sql + "detach made;" + kVersion1Rest +
                      "pragma application_id = 1129207367; pragma user_version = 1");
    BOOST_REQUIRE(ask_sql(file, "pragma application_id") == std::to_string(kApplicationId));
  }

  /// Undoes what version 3 has; the rest is as builds of schema 2 left it.
  void make_version_2() const {
    run_sql(file,
            "drop table last_pass; drop table pause; drop table quarantine; drop table service;"
            "drop table owed; drop table outside_last; drop view attempt;"
            "drop table compatibility; drop table update_seen;"
            "create table last_pass (converger text primary key, time_us integer not null,"
            " outcome text not null, correction_us integer not null) strict, without rowid;"
            "insert into last_pass values ('a', 5, 'failed', 4);"
            "pragma user_version = 2");
  }

  /// Undoes what version 4 has; the rest is as builds of schema 3 left it.
  void make_version_3() const {
    run_sql(file,
            "drop table last_pass; drop table owed; drop table outside_last; drop view attempt;"
            "drop table compatibility; drop table update_seen;"
            "create table last_pass (converger text primary key, time_us integer not null,"
            " outcome text not null, correction_us integer not null, streak integer not null,"
            " failures integer not null, message text not null) strict, without rowid;"
            "insert into last_pass values ('a', 5, 'failed', 4, 1, 2, 'why'),"
            " ('b', 6, 'unchanged', 0, 0, 0, '');"
            "pragma user_version = 3");
  }

  /// Undoes what version 5 has; the rest is as builds of schema 4 left it.
  void make_version_4() const {
    run_sql(file,
            "drop table owed; drop table outside_last; drop view attempt;"
            "drop table compatibility; drop table update_seen;"
            "alter table unsettled rename to renamed;"
            "create table unsettled (  -- The 'txn' entries that no outcome entry settles yet.\n"
            "  seq integer primary key\n) strict;"
            "insert into unsettled select seq from renamed; drop table renamed;"
            "insert into last_pass values ('a', 5, 'failed', 4, 1, 2, 'why', 3);"
            "pragma user_version = 4");
  }

  /// Undoes what version 6 has; the rest is as builds of schema 5 left it.
  void make_version_5() const {
    run_sql(file, "drop table compatibility; drop table update_seen; pragma user_version = 5");
  }

  /// What a newer build may make of it: a table more, and perhaps a kind of entries.
  void make_version_7(int least_writer) const {
    run_sql(file,
            "begin; create table newer (id integer primary key, what text) strict;"
            "insert into newer values (1, 'kept'); insert into kind values (17, 'newer');"
            "update compatibility set least_writer = " +
                std::to_string(least_writer) + "; pragma user_version = 7; commit");
  }

  void require_schema_of_a_new_one() const {
    const auto fresh = directory / "made.db";
    const std::string all =
        "select group_concat(sql, char(10)) from (select sql from sqlite_schema order by name)";
    BOOST_TEST(ask_sql(file, all) == ask_sql(fresh, all));
  }

  std::string version() const { return ask_sql(file, "pragma user_version"); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_migration, Version1)

BOOST_AUTO_TEST_CASE(reader_reads_version_1_as_it_is) {
  BOOST_TEST(entries().size() == 8u);
  BOOST_TEST((entries()[1].settled == Outcome::committed));
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(extent_of(file).archives.empty());
  BOOST_TEST(extent_of(file).head.seq == 8);
  BOOST_TEST(version() == "1");
}

BOOST_AUTO_TEST_CASE(writer_migrates_and_keeps_everything) {
  const auto before = entries();
  {
    auto journal = open();
    BOOST_TEST(version() == "6");
    BOOST_TEST(journal.unsettled().size() == 1u);
    PassId pass{1};
    journal.append_outcome(pass, journal_definition(), 6, Outcome::rolled_back);
    append_txn(journal, pass, 1, "c");
  }
  const auto after = entries();
  BOOST_REQUIRE(after.size() == before.size() + 3);
  for (std::size_t index = 0; index < before.size(); ++index) {
    BOOST_TEST(after[index].hash == before[index].hash);
  }
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(notices.empty());
}

BOOST_AUTO_TEST_CASE(migrated_file_has_the_schema_of_a_new_one) {
  open();
  require_schema_of_a_new_one();
}

BOOST_AUTO_TEST_CASE(migration_keeps_what_is_no_history) {
  run_sql(file, "insert into last_pass values ('a', 5, 'failed', 4)");
  BOOST_TEST(Reader(file).state().last_passes.at("a").time_us == 5);
  BOOST_TEST(Reader(file).state().quarantined.empty());
  {
    auto journal = open();
    journal.note_pass({.converger = "a", .time_us = 9, .outcome = "failed", .message = "why"});
    journal.flush();
  }
  const auto last = Reader(file).state().last_passes.at("a");
  BOOST_TEST(last.time_us == 9);
  BOOST_TEST(last.correction_us == 4);
  BOOST_TEST(last.failures == 1);
  BOOST_TEST(last.message == "why");
}

BOOST_AUTO_TEST_CASE(migration_that_cannot_end_changes_nothing) {
  run_sql(file, "create table archive (mine)");
  BOOST_TEST((error_of([&] { open(); }).kind() == ErrorKind::failure));
  BOOST_TEST(version() == "1");
  BOOST_TEST(ask_sql(file, "select count(*) from inconsistency") == "5");
  BOOST_TEST(entries().size() == 8u);
  run_sql(file, "drop table archive");
  open();
  BOOST_TEST(version() == "6");
}

BOOST_AUTO_TEST_CASE(version_2_is_migrated_in_one_transaction) {
  open();
  make_version_2();
  BOOST_TEST(entries().size() == 8u);
  run_sql(file, "create table quarantine (mine)");
  BOOST_TEST((error_of([&] { open(); }).kind() == ErrorKind::failure));
  BOOST_TEST(version() == "2");
  BOOST_TEST(Reader(file).last_passes().at("a").time_us == 5);
  run_sql(file, "drop table quarantine");
  open().pause({.converger = "a", .reason = "billing moves"});
  BOOST_TEST(version() == "6");
  BOOST_TEST(Reader(file).state().last_passes.at("a").time_us == 5);
  BOOST_TEST(Reader(file).state().pauses.size() == 1u);
  BOOST_TEST(!verify().broken_seq.has_value());
  open();
  require_schema_of_a_new_one();
}

BOOST_AUTO_TEST_CASE(version_3_is_migrated_with_its_counts) {
  open().pause({.converger = "a", .reason = "billing moves"});
  make_version_3();
  const auto check = [this] {
    const auto passes = Reader(file).last_passes();
    BOOST_TEST(passes.at("a").failures == 2);
    BOOST_TEST(passes.at("a").message == "why");
    BOOST_TEST(passes.at("a").completed_us == 0);
    BOOST_TEST(passes.at("b").completed_us == 6);
    BOOST_TEST(Reader(file).state().pauses.size() == 1u);
  };
  check();
  BOOST_TEST(version() == "3");
  open();
  BOOST_TEST(version() == "6");
  check();
  require_schema_of_a_new_one();
}

BOOST_AUTO_TEST_CASE(version_4_is_migrated_with_what_is_not_settled) {
  open().pause({.converger = "a", .reason = "billing moves"});
  make_version_4();
  BOOST_TEST(entries().size() == 9u);
  BOOST_TEST(!verify().broken_seq.has_value());
  run_sql(file, "create table owed (mine)");
  BOOST_TEST((error_of([&] { open(); }).kind() == ErrorKind::failure));
  BOOST_TEST(version() == "4");
  BOOST_TEST(ask_sql(file, "select seq from unsettled") == "6");
  run_sql(file, "drop table owed");
  BOOST_TEST(open().unsettled().at(0).seq == 6);
  BOOST_TEST(version() == "6");
  const auto last = Reader(file).last_passes().at("a");
  BOOST_TEST(last.failures == 2);
  BOOST_TEST(last.completed_us == 3);
  BOOST_TEST(!verify().broken_seq.has_value());
  require_schema_of_a_new_one();
}

BOOST_AUTO_TEST_CASE(version_5_is_migrated_in_one_transaction) {
  open().pause({.converger = "a", .reason = "billing moves"});
  make_version_5();
  BOOST_TEST(entries().size() == 9u);
  BOOST_TEST(Reader(file).update_seen().empty());
  run_sql(file, "create table update_seen (mine)");
  BOOST_TEST((error_of([&] { open(); }).kind() == ErrorKind::failure));
  BOOST_TEST(version() == "5");
  BOOST_TEST(ask_sql(file, "select count(*) from sqlite_schema where name = 'compatibility'") ==
             "0");
  run_sql(file, "drop table update_seen");
  BOOST_TEST(open().unsettled().at(0).seq == 6);
  BOOST_TEST(version() == "6");
  BOOST_TEST(ask_sql(file, "select least_writer from compatibility") == "6");
  BOOST_TEST(!verify().broken_seq.has_value());
  require_schema_of_a_new_one();
}

BOOST_AUTO_TEST_CASE(newer_schema_that_this_build_may_write_is_written) {
  open();
  make_version_7(6);
  const auto before = entries().size();
  {
    auto journal = open();
    PassId pass;
    const auto txn = append_txn(journal, pass, 2, "c");
    journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
    journal.append_update({.event = "rolled_back", .build = 7, .from = 8}, {{"stable", {3, 7}}});
    journal.pause({.converger = "a", .reason = "billing moves"});
    journal.note_pass({.converger = "a", .time_us = 9, .outcome = "failed", .message = "why"});
    journal.flush();
  }
  BOOST_TEST(entries().size() == before + 6);
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(Reader(file).state().last_passes.at("a").message == "why");
  BOOST_TEST((Reader(file).update_seen().at("stable") == UpdateSeen{3, 7}));
  BOOST_TEST(extent_of(file).head.seq == static_cast<std::int64_t>(before) + 6);
  BOOST_TEST(version() == "7");
  BOOST_TEST(ask_sql(file, "select what from newer") == "kept");
  BOOST_TEST(notices.empty());
}

BOOST_AUTO_TEST_CASE(newer_schema_names_the_build_that_is_needed) {
  open();
  make_version_7(7);
  run_sql(file, "update actor set build = 321");
  for (const auto& error : {error_of([&] { open(); }), error_of([&] { verify(); }),
                            error_of([&] { extent_of(file); })}) {
    BOOST_TEST((error.kind() == ErrorKind::usage));
    BOOST_TEST(std::string(error.what()).find("has schema 7") != std::string::npos);
    BOOST_TEST(error.hint().find("build 321 or newer") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
