#include "src/base/clock.h"
#include "tests/support/command.h"
#include "tests/unit/status_fixture.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <numeric>

namespace converge::tests {
namespace {

constexpr const char* kHostile = "<script>document.title='stolen'</script>";

/// A transaction with one inconsistency of each label.
void correct(journal::Journal& journal, const std::vector<std::string>& labels,
             journal::Outcome outcome = journal::Outcome::committed) {
  journal::PassId pass;
  std::size_t index = 0;
  journal::Inconsistency record;
  journal.register_definition(journal_definition(), kJournalText);
  const auto txn = journal.append_pending(
      pass, journal_definition(),
      {.xid = "734", .server = {.system_identifier = "7298", .timeline = 1}, .database = "prod"},
      [&]() -> const journal::Inconsistency* {
        if (index == labels.size()) return nullptr;
        record.subject = std::to_string(index);
        record.label = labels[index++];
        record.count = 2;
        record.detail = R"({"steps":[{"title":"archive clusters","count":2,"changes":[]}]})";
        return &record;
      });
  journal.append_outcome(pass, journal_definition(), txn, outcome);
  journal.flush();
}

Poco::JSON::Object::Ptr parse(const std::string& json) {
  return Poco::JSON::Parser().parse(json).extract<Poco::JSON::Object::Ptr>();
}

std::int64_t sum(const Poco::JSON::Array::Ptr& values) {
  return std::accumulate(values->begin(), values->end(), std::int64_t{0},
                         [](std::int64_t so_far, const auto& value) {
                           return so_far + value.template convert<std::int64_t>();
                         });
}

void hold(daemon::Overview& overview) {
  auto& one = overview.convergers[0];
  one.state = "held";
  one.why = "612 inconsistencies were found, and 500 are allowed";
  one.resolve = "converge release archive_account 9c1f";
}

/// As `engine::owing_of` tells it.
void owe(daemon::Overview& overview) {
  overview.convergers[0].owing = {
      .subjects = 3,
      .since_us = 1'700'000'000'000'000,
      .matters = {{.why = "3 subjects are owed a step",
                   .how = "To carry it out",
                   .resolve = "run a"},
                  {.why = "nothing carries it out", .how = "Put it back"}},
      .needs_person = true};
}

/// Chromium on the page of a fixture.
class Visit {
 public:
  Visit(const StatusFixture& fixture, const std::vector<std::string>& steps)
      : command_(arguments(fixture, steps), {.timeout = std::chrono::minutes(5)}) {}

  bool says(const std::string& text) { return command_.wait_for_output(text); }
  void succeeds() {
    const auto result = command_.wait();
    BOOST_TEST(result.status == 0, result.err);
  }

 private:
  static std::vector<std::string> arguments(const StatusFixture& fixture,
                                            const std::vector<std::string>& steps) {
    std::vector<std::string> all = {"python3", "tests/support/browser.py",
                                    "http://" + fixture.address() + "/"};
    all.insert(all.end(), steps.begin(), steps.end());
    return all;
  }

  Command command_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(status_page, StatusFixture)

BOOST_AUTO_TEST_CASE(the_essentials_need_no_script) {
  change([](auto& overview) {
    hold(overview);
    overview.convergers[1].state = "paused";
    overview.convergers[1].resolve = "converge resume revoke_keys";
  });
  const auto html = ask("/").body;
  for (const auto* text :
       {"<h1 id=\"headline\" aria-live=\"polite\">1 converger needs you</h1>",
        "<p>612 inconsistencies were found, and 500 are allowed</p>",
        "<code>converge release archive_account 9c1f</code>",
        "<code>converge resume revoke_keys</code>", "<span class=\"badge held\">held</span>",
        "<body data-level=\"attention\">"}) {
    BOOST_TEST((html.find(text) != std::string::npos), text);
  }
  BOOST_TEST((html.find("{{") == std::string::npos));
}

BOOST_AUTO_TEST_CASE(what_is_owed_is_a_badge_and_told_when_it_is_late) {
  change([](auto& overview) {
    owe(overview);
    overview.convergers[1].owing = {.subjects = 1, .since_us = 1};
  });
  const auto html = ask("/").body;
  for (const auto* text :
       {"<h1 id=\"headline\" aria-live=\"polite\">1 converger needs you</h1>",
        "<p>3 subjects are owed a step. To carry it out:</p><div class=\"command\"><code>run a",
        "<p>nothing carries it out. Put it back.</p>",
        "<span class=\"badge owed late\">3 owed</span>",
        "<span class=\"badge owed\">1 owed</span>"}) {
    BOOST_TEST((html.find(text) != std::string::npos), text);
  }
  const auto one = parse(ask("/api/v1/status").body)->getArray("convergers")->getObject(0);
  BOOST_TEST(one->getValue<int>("owed") == 3);
  BOOST_TEST(one->getValue<std::string>("owed_since") == "2023-11-14T22:13:20.000000Z");
  BOOST_TEST(one->getValue<bool>("needs_person"));
  BOOST_TEST(one->getArray("also")->getObject(0)->getValue<std::string>("resolve") == "run a");
}

BOOST_AUTO_TEST_CASE(a_browser_shows_what_is_owed) {
  change(owe);
  Visit(*this,
        {"wait:document.querySelector('#convergers .badge.owed.late').textContent === '3 owed'",
         "wait:document.querySelector('.notice .command code').textContent === 'run a'",
         "wait:document.querySelector('.notice').textContent.includes('Put it back.')"})
      .succeeds();
}

BOOST_AUTO_TEST_CASE(the_headline_says_how_it_is) {
  const auto headline = [&] {
    return parse(ask("/api/v1/status").body)->getValue<std::string>("headline");
  };
  BOOST_TEST(headline() == "All 2 convergers are well");
  change([](auto& overview) { overview.convergers[0].state = "paused"; });
  BOOST_TEST(headline() == "1 of 2 convergers is paused");
  change([](auto& overview) { overview.convergers[1].quarantined = 1; });
  BOOST_TEST(headline() == "1 converger needs you");
  change([](auto& overview) { overview.convergers[0].state = "broken"; });
  BOOST_TEST(headline() == "2 convergers need you");
  change([](auto& overview) { overview.trouble = "the journal's disk is full"; });
  BOOST_TEST(headline() == "Nothing converges now");
  change([](auto& overview) {
    overview.trouble.clear();
    overview.convergers.clear();
  });
  BOOST_TEST(headline() == "There are no convergers");
}

BOOST_AUTO_TEST_CASE(hostile_text_stays_text) {
  change([](auto& overview) {
    hold(overview);
    overview.convergers[0].why = kHostile;
    overview.convergers[0].schedule = "\" onload=\"alert(1)";
    overview.server = "<img src=x>";
    overview.trouble = "{{facts}}";
  });
  const auto html = ask("/").body;
  BOOST_TEST((html.find("<script>document") == std::string::npos));
  BOOST_TEST((html.find("&lt;script&gt;document") != std::string::npos));
  BOOST_TEST((html.find("<img") == std::string::npos));
  BOOST_TEST((html.find("\" onload") == std::string::npos));
  BOOST_TEST((html.find("<p id=\"trouble\" class=\"trouble\">{{facts}}</p>") != std::string::npos));
  const auto one = parse(ask("/api/v1/status").body)->getArray("convergers")->getObject(0);
  BOOST_TEST(one->getValue<std::string>("why") == kHostile);
}

BOOST_AUTO_TEST_CASE(recent_corrections_are_newest_first) {
  auto writer = journal.open();
  correct(writer, {"alice", "bob"});
  correct(writer, {kHostile}, journal::Outcome::rolled_back);
  const auto answer = parse(ask("/api/v1/corrections?n=2").body)->getArray("corrections");
  BOOST_TEST(answer->size() == 2U);
  const auto newest = answer->getObject(0);
  BOOST_TEST(newest->getValue<std::string>("label") == kHostile);
  BOOST_TEST(newest->getValue<std::string>("outcome") == "rolled_back");
  BOOST_TEST(newest->getValue<std::string>("actor") == "daemon");
  BOOST_TEST(newest->getArray("steps")->getObject(0)->getValue<std::string>("title") ==
             "archive clusters");
  BOOST_TEST(answer->getObject(1)->getValue<std::string>("label") == "bob");
  BOOST_TEST(parse(ask("/api/v1/corrections?n=nonsense").body)->getArray("corrections")->size() ==
             3U);
}

BOOST_AUTO_TEST_CASE(history_counts_what_was_corrected) {
  auto writer = journal.open();
  correct(writer, {"alice", "bob"});
  correct(writer, {"carol"}, journal::Outcome::rolled_back);
  const auto history = parse(ask("/api/v1/history").body);
  const auto one = history->getArray("convergers")->getObject(0);
  BOOST_TEST(one->getValue<std::string>("name") == "archive_account");
  BOOST_TEST(one->getArray("corrections")->size() == 72U);
  BOOST_TEST(sum(one->getArray("corrections")) == 2);
  BOOST_TEST(sum(one->getArray("failures")) == 0);
}

BOOST_AUTO_TEST_CASE(without_a_journal_the_rest_is_told) {
  BOOST_TEST(ask("/api/v1/history").status == 503);
  BOOST_TEST(parse(ask("/api/v1/corrections").body)->has("error"));
  BOOST_TEST(ask("/").status == 200);
}

BOOST_AUTO_TEST_CASE(the_journal_is_read_once_for_many) {
  auto writer = journal.open();
  correct(writer, {"alice"});
  // Kept for a while, which is over where the disk takes longer.
  BOOST_TEST(eventually([&] {
    const auto first = ask("/api/v1/corrections").body;
    correct(writer, {"bob"});
    const bool kept = ask("/api/v1/corrections").body == first;
    BOOST_TEST(eventually([&] { return ask("/api/v1/corrections").body != first; }));
    return kept;
  }));
}

BOOST_AUTO_TEST_CASE(a_browser_shows_it_and_keeps_it_fresh) {
  auto writer = journal.open();
  correct(writer, {kHostile});
  change(hold);
  change([](auto& overview) { overview.convergers[1].schedule = "<b>daily</b>"; });
  Visit visit(
      *this,
      {"wait:document.querySelectorAll('#corrections tr').length === 1",
       "wait:document.querySelector('#corrections .subject').textContent.includes('<script>')",
       "wait:document.querySelectorAll('#rates svg rect.up').length > 0",
       "wait:document.querySelectorAll('#convergers tr details').length === 2",
       "wait:document.querySelectorAll('.schedule')[1].textContent === '<b>daily</b>'",
       "wait:document.querySelector('.command code').textContent.endsWith('archive_account 9c1f')",
       "wait:!document.querySelector('#corrections script') && !document.title.includes('stolen')",
       "eval:document.getElementById('headline').textContent",
       "wait:document.getElementById('headline').textContent === 'All 3 convergers are well'",
       "wait:!document.querySelector('.notice')",
       "wait:document.querySelector('#convergers tr summary').textContent === 'a_new_one'",
       "eval:'refreshed'", "wait:!document.getElementById('lost').hidden", "eval:'lost'",
       "wait:document.getElementById('lost').hidden"});
  BOOST_REQUIRE(visit.says("1 converger needs you"));
  change([](auto& overview) {
    overview.convergers[0] = well("archive_account");
    overview.convergers.insert(overview.convergers.begin(), well("a_new_one"));
  });
  BOOST_REQUIRE(visit.says("refreshed"));
  const auto address = this->address();
  server.reset();
  BOOST_REQUIRE(visit.says("lost"));
  start({.address = address});
  visit.succeeds();
}

BOOST_AUTO_TEST_CASE(a_person_can_click_and_type) {
  change(hold);
  Visit(*this,
        {// It says so for a moment only.
         "eval:new MutationObserver(() => { window.copied ||= "
         "document.querySelector('.command button')?.textContent === 'Copied'; })"
         ".observe(document.body, {subtree: true, childList: true, characterData: true})",
         "click:.command button", "wait:window.copied",
         "wait:navigator.clipboard.readText().then(t => t === 'converge release archive_account "
         "9c1f')",
         "click:#convergers summary", "wait:document.querySelector('#convergers details').open",
         "eval:window.before = document.getElementById('link').textContent",
         "wait:document.getElementById('link').textContent !== window.before",
         "wait:document.querySelector('#convergers details').open",
         // From the summary that was clicked on to the next one.
         "press:Tab", "press:Enter",
         "wait:document.querySelectorAll('#convergers details[open]').length === 2", "size:360x740",
         "wait:document.documentElement.scrollWidth <= 360"})
      .succeeds();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace converge::tests
