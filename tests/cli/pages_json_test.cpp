#include "tests/cli/outside_fixture.h"
#include "tests/cli/publish_fixture.h"
#include "tests/cli/update_fixture.h"
#include "tests/support/command_page.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <regex>

namespace {

using namespace converge::tests;
using Names = CommandPage::Names;

void add_names(const Poco::Dynamic::Var& value, Names& names) {
  if (value.type() == typeid(Poco::JSON::Array::Ptr)) {
    for (const auto& one : *value.extract<Poco::JSON::Array::Ptr>()) add_names(one, names);
  }
  if (value.type() != typeid(Poco::JSON::Object::Ptr)) return;
  for (const auto& [name, below] : *value.extract<Poco::JSON::Object::Ptr>()) {
    names.insert(name);
    // What is below these is named by columns, and by settings.
    if (name != "changes" && name != "settings") add_names(below, names);
  }
}

/// The names of all members, on whatever level, of each line that is an object.
Names names_in(const std::string& json) {
  Names names;
  for (const auto& line : lines(json)) add_names(Poco::JSON::Parser().parse(line), names);
  return names;
}

Names without(const Names& these, const Names& those) {
  Names left;
  std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                      std::inserter(left, left.begin()));
  return left;
}

/// What a page tells below JSON, of all or of some subsections.
Names told(const std::string& page, const Words& sections) {
  const auto json = read_command_page("man/" + page).json;
  Names names;
  for (const auto& section : sections) {
    const auto found = json.find(section);
    BOOST_TEST_REQUIRE((found != json.end()), page << " has no " << section);
    names.insert(found->second.begin(), found->second.end());
  }
  return names;
}

/// Both ways, but for members that the commands here cannot be brought to print: the sources have
/// to have these.
void require_as_told(const std::string& page, const Words& sections, const std::string& json,
                     const Names& rare = {}) {
  const auto documented = told(page, sections);
  const auto seen = names_in(json);
  const auto text = [](const Names& names) { return boost::join(names, ", "); };
  BOOST_TEST_CONTEXT(page << ", " << boost::join(sections, ", ") << "\n" << json) {
    BOOST_TEST(!seen.empty());
    const auto unseen = without(documented, seen);
    BOOST_TEST(text(without(seen, documented)) == "");  // Not told of.
    BOOST_TEST(text(without(unseen, rare)) == "");      // Told of, and not there.
    BOOST_TEST(text(without(rare, unseen)) == "");      // Not rare.
  }
}

/// That converge-journal(5) tells of each.
void require_in_journal_page(const Names& names) {
  const auto page = read_text("man/converge-journal.5");
  for (const auto& name : names) {
    const std::regex pattern("\\.(It |Op )*Va ([a-z_0-9]+ , (Va )?)*" + name + "\\b");
    BOOST_TEST(std::regex_search(page, pattern), name);
  }
}

/// The lines of that kind.
std::string of_kind(const std::string& json, const std::string& kind) {
  std::string some;
  for (const auto& line : lines(json)) {
    if (member(line, "kind") == kind) some += line + "\n";
  }
  return some;
}

struct PagesJson : Outside {
  std::string json(Words words) const {
    words.insert(words.end(), {"-o", "json"});
    return call(words).out;
  }
  /// One whose steps the server refuses to prepare, one that cannot be read, one that a limit
  /// holds, and one with a person's pause.
  void define_troubles() const {
    define("refused", boost::replace_all_copy(archiver(""), "api_key.id as", "api_key.idd as"));
    define("unreadable", "-- find:\nselect 1 as id;\n-- every: soon\n");
    define("held", archiver("-- limit: 1\n"));
    define("paused", archiver(""));
    call({"pause", "paused", "--reason", "billing", "--for", "1h"});
  }
};

BOOST_FIXTURE_TEST_SUITE(pages_json, PagesJson)

BOOST_AUTO_TEST_CASE(of_run_and_plan) {
  define_archive();
  define_troubles();
  const auto plan = json({"plan", "archive", "held", "paused"});
  require_as_told("converge-plan.1", {"Of a pass"}, of_kind(plan, "pass"), {"paused_by", "reason"});
  require_as_told("converge-run.1", {""}, json({"run", "held", "paused"}));
  die_at("outside.before_attempt", {"run", "archive"});
  require_as_told("converge-plan.1", {"Of a subject"},
                  of_kind(plan, "inconsistency") + of_kind(json({"plan", "archive"}), "owed"),
                  {"message"});
}

BOOST_AUTO_TEST_CASE(of_check) {
  define("archive", archiver(""));
  define_troubles();
  require_as_told("converge-check.1", {""}, json({"check"}));
}

BOOST_AUTO_TEST_CASE(of_list_show_and_status) {
  define("done", archiver(""));
  call({"run", "done"});
  dirty_again();
  define_archive("-- every: 1m\n-- listen: account_archived\n");
  define_troubles();
  call({"run", "held"});
  const auto held = json({"list"});
  const auto held_shown = json({"show", "held"}) + json({"show", "done"});
  die_at("outside.before_attempt", {"run", "archive"});
  tamper("update entry set time_us = time_us - 3600000000");
  const auto owing = json({"list"});
  const auto owing_shown = json({"show", "archive"});
  tamper("update entry set detail = json_set(detail, '$.timeline', 99) where kind = 1");
  sql("alter table cluster add check (account_id <> 2 or archived_at is null) not valid;"
      "update cluster set archived_at = null where account_id = 2");
  call({"run", "archive"});
  const auto unknown = json({"list"});
  define("teller", archiver("") +
                       "\n-- exec: tell\n--   /bin/true\n-- for: found\n"
                       "-- repeat: 10m\n-- environment: HOME\n");
  require_as_told("converge-list.1", {"", "Of show alone"},
                  held_shown + owing_shown + json({"show", "archive"}) + json({"show", "teller"}));

  const Service daemon(*this);
  define("paused", archiver("-- every: 1h\n"));
  // It is ready before the last of them has its place in its plan.
  BOOST_TEST(eventually([&] {
    const auto now = json({"status"});
    return contains(now, "\"owned\"") && contains(now, "\"next\"");
  }));
  const auto all = held + owing + unknown + json({"list"});
  require_as_told("converge-list.1", {"", "Of list alone"}, all);
  const auto status = json({"status"});
  require_as_told("converge-status.1", {"Of the daemon"}, of_kind(status, "daemon"),
                  {"message", "trial"});
  require_as_told("converge-status.1", {"Of a converger"}, of_kind(status, "converger") + all);
}

BOOST_AUTO_TEST_CASE(of_what_a_person_says) {
  define("archive", archiver("-- limit: 1\n"));
  const auto paused = json({"pause", "archive", "--reason", "x", "--for", "1h"}) +
                      json({"pause", "--all", "--reason", "x"});
  require_as_told("converge-pause.1", {"Of pause"}, paused);
  require_as_told("converge-pause.1", {"Of resume"},
                  json({"resume", "archive"}) + json({"resume", "--all"}));
  call({"run", "archive"});
  const auto digest = member(json({"list"}), "digest");
  require_as_told("converge-pause.1", {"Of release"}, json({"release", "archive", digest}));
  sql("alter table cluster add check (account_id <> 2 or archived_at is null) not valid");
  call({"run", "archive"});
  require_as_told("converge-pause.1", {"Of retry"}, json({"retry", "archive", "2"}));
}

BOOST_AUTO_TEST_CASE(of_journal) {
  define_archive();
  call({"run"});
  const auto steps = names_in(json({"journal", "--kind", "step"}));
  for (const auto& name : told("converge-journal.1", {"Of a step"}))
    BOOST_TEST(steps.contains(name));
  require_in_journal_page(steps);
  require_in_journal_page(names_in(call({"journal", "export"}).out));
  const auto copy = (directory / "copy").string();
  require_as_told("converge-journal.1", {"Of head"}, json({"journal", "head"}));
  require_as_told("converge-journal.1", {"Of backup"}, json({"journal", "backup", copy}));
  require_as_told(
      "converge-journal.1", {"Of redact"},
      json({"journal", "redact", "--subject", "1", "--reason", "x", "--converger", "archive"}));
  const auto whole = json({"journal", "verify"});
  tamper("update entry set count = 4711 where seq = 2");
  require_as_told("converge-journal.1", {"Of verify"}, whole + json({"journal", "verify"}));
}

BOOST_AUTO_TEST_CASE(of_settle) {
  define("archive", archiver(""));
  die_at("pass.after_append", {"run", "archive"});
  const auto txn = ask_journal("select seq from unsettled");
  tamper("update entry set detail = json_set(detail, '$.timeline', 99) where seq = " + txn);
  call({"run", "archive"});
  require_as_told("converge-journal.1", {"Of settle"},
                  json({"journal", "settle", txn, "committed", "--reason", "x"}));
}

BOOST_AUTO_TEST_CASE(of_prune) {
  define("archive", archiver(""));
  call({"run", "archive"});
  environment["LD_PRELOAD"] = library("faketime/libfaketime.so.1").string();
  environment["FAKETIME"] = "+2h";
  environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
  const auto archived = (directory / "archive.db").string();
  require_as_told("converge-journal.1", {"Of prune"},
                  json({"journal", "prune", "--before", "-1h", "--archive", archived}));
}

BOOST_AUTO_TEST_CASE(of_why_and_stats) {
  define_archive("-- every: never\n");
  call({"run", "archive"});
  require_as_told("converge-why.1", {"Of stats"}, json({"stats"}));
  dirty_again();
  die_at("pass.after_commit", {"run", "archive"});
  call({"run", "archive"});
  call({"journal", "redact", "--subject", "2", "--reason", "x"});
  auto seen = names_in(json({"why", "1", "--definition"}) + json({"why", "2"}));
  for (const auto& name : told("converge-why.1", {"Of why"})) {
    BOOST_TEST(seen.contains(name), "told of, and not there: " << name);
    seen.erase(name);
  }
  require_in_journal_page(seen);  // What every entry has.
}

BOOST_AUTO_TEST_CASE(of_new_and_test) {
  require_as_told("converge-new.1", {""},
                  json({"new", "drafted", "--flag", "account.archived_at"}) +
                      json({"new", "other", "--flag", "account.archived_at", "--stdout"}));
  define("archive", archiver(""));
  directory.write("convergers/archive.test.sql",
                  "-- case: bad\n-- expect: nothing\n-- case: wrong\n-- given:\nselect oops;\n"
                  "-- expect: nothing\n");
  require_as_told("converge-test.1", {""}, json({"test", "archive"}), {"hint"});
}

BOOST_AUTO_TEST_CASE(of_doctor_install_and_help) {
  define_troubles();
  require_as_told("converge-doctor.1", {""}, json({"doctor"}));
  const auto place = (directory / "usr").string();
  const Words install = {"install", "--prefix", place, "--sysconfdir", place + "/etc"};
  auto done = json(install);
  directory.write("usr/etc/converge/converge.toml", "# Mine.\n");
  done += json(install) + json({"uninstall", "--prefix", place});
  require_as_told("converge-install.1", {""}, done);
  require_as_told("converge-help.1", {"Of the list"}, json({"help"}));
  require_as_told("converge-help.1", {"Of a page"}, json({"help", "run"}));
}

/// Some entries take a crash of the server to be written: the sources have to know what they say.
BOOST_AUTO_TEST_CASE(of_entries_nothing_is_told_that_nothing_writes) {
  std::string sources;
  for (const std::string folder : {"journal", "src/engine", "src/cli", "src/base", "src/daemon"}) {
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (file.path().extension() == ".cpp") sources += read_text(file.path());
    }
  }
  static const std::regex item("\\.It (Op )?Va ([a-z_0-9]+)(( ,)?( Va)? [a-z_0-9]+)*");
  static const std::regex name("[a-z_0-9]+");
  int members = 0;
  std::string section;
  for (const auto& line : lines(read_text("man/converge-journal.5"))) {
    if (line.starts_with(".Sh ")) section = line.substr(4);
    if ((section != "KINDS" && section != "JSON") || !std::regex_match(line, item)) continue;
    for (std::sregex_iterator one(line.begin(), line.end(), name), end; one != end; ++one) {
      const auto text = one->str();
      if (text == "t" || text == "p" || text == "a") continue;  // Of `.It`, `Op` and `Va`.
      ++members;
      BOOST_TEST(std::regex_search(sources, std::regex("\"" + text + "\"")), text);
    }
  }
  BOOST_TEST(members > 40);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(pages_json_of_releases)

BOOST_AUTO_TEST_CASE(of_update) {
  UpdatedHost host;
  host.release(102, [](auto& manifest) { manifest.rollout.percent_per_hour = 1; });
  const auto check = host.update({"--check", "-o", "json"}).out;
  host.release(102);
  const auto installed = host.update({"-o", "json"}).out;
  const auto status = host.update({"--status", "-o", "json"}).out;
  const auto back = host.update({"--rollback", "-o", "json"}).out;
  host.server.serve("channels/stable", "nonsense");
  host.update({"--check"});
  require_as_told("converge-update.1", {""}, check);
  require_as_told("converge-update.1", {"", "Of an update"}, check + installed + back);
  require_as_told("converge-update.1", {"", "Of the status"},
                  check + status + host.update({"--status", "-o", "json"}).out, {"trouble"});
}

BOOST_FIXTURE_TEST_CASE(of_publish, Publishing) {
  auto words = signed_with_key(of_build(101));
  words.insert(words.end(), {"-o", "json"});
  require_as_told("converge-publish.1", {""}, call(words).out);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
