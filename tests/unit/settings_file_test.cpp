#include "src/config/settings_file.h"

#include "src/base/error.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace converge::config {
namespace {

struct Settings {
  Daemon daemon(const std::string& text) {
    Config config;
    read_settings(directory.write("converge.toml", "[daemon]\n" + text + "\n"), config);
    return config.daemon;
  }
  void require_refused(const std::string& text, const std::string& place_and_message,
                       const std::string& hint) {
    const auto file = (directory / "converge.toml").string();
    BOOST_CHECK_EXCEPTION(daemon(text), Error, [&](const Error& error) {
      BOOST_TEST(error.what() == file + ":" + place_and_message);
      BOOST_TEST(error.hint() == hint);
      return error.kind() == ErrorKind::usage;
    });
  }

  tests::TempDir directory;
};

BOOST_FIXTURE_TEST_SUITE(settings_of_the_daemon, Settings)

BOOST_AUTO_TEST_CASE(each_has_a_default) {
  const Daemon daemon = this->daemon("");
  BOOST_TEST(daemon.workers == 4);
  BOOST_TEST(daemon.connections == 4);
  BOOST_TEST(daemon.status == "127.0.0.1:7432");
  BOOST_TEST(!daemon.status_public);
  BOOST_TEST((daemon.log == LogFormat::logfmt));
  BOOST_TEST((daemon.log_level == LogLevel::info));
  BOOST_TEST(daemon.grace.count() == 30'000);
}

BOOST_AUTO_TEST_CASE(each_can_be_set) {
  const Daemon daemon = this->daemon(
      "workers = 1\nconnections = 64\nstatus = \"unix:/run/converge/status.sock\"\n"
      "status_public = true\nlog = \"json\"\nlog_level = \"debug\"\ngrace = \"1m30s\"");
  BOOST_TEST(daemon.workers == 1);
  BOOST_TEST(daemon.connections == 64);
  BOOST_TEST(daemon.status == "unix:/run/converge/status.sock");
  BOOST_TEST(daemon.status_public);
  BOOST_TEST((daemon.log == LogFormat::json));
  BOOST_TEST((daemon.log_level == LogLevel::debug));
  BOOST_TEST(daemon.grace.count() == 90'000);
}

// toml++ would end the process.
BOOST_AUTO_TEST_CASE(table_without_a_name_is_refused) {
  const std::string message = "no name of a table";
  const std::string hint =
      "Write it as [daemon]; a name with other characters than letters, digits, _ and - "
      "needs double quotes.";
  require_refused("[", "2:2: " + message, hint);
  require_refused(" [ # http", "2:4: " + message, hint);
  require_refused("\n[[é]]", "3:3: " + message, hint);
  require_refused("log = \"json\"\n[=", "3:2: " + message, hint);
  require_refused("[\r", "2:2: " + message, hint);
}

BOOST_AUTO_TEST_CASE(what_looks_like_a_table_in_a_value_is_none) {
  const Daemon daemon =
      this->daemon("log = \"json\"\n[http]\nproxy = \"\"\"\n[#\n\"\"\"\n[variables]\nA = \"1\"");
  BOOST_TEST((daemon.log == LogFormat::json));
  require_refused("workers = [\n[ # one\n]]", "2:11: not a whole number from 1 to 64",
                  "Write it without quotes.");
}

BOOST_AUTO_TEST_CASE(control_character_is_shown_and_not_obeyed) {
  const std::string known =
      "Known are: connections, grace, log, log_level, status, status_public, workers.";
  require_refused("\"\\u001b[2J\" = 1", "2:1: unknown key daemon.\\x1b[2J", known);
}

BOOST_AUTO_TEST_CASE(number_out_of_its_range_or_of_another_kind_is_refused) {
  for (const char* value : {"0", "65", "-1", "4.0", "\"4\"", "true", "99999999999"}) {
    require_refused(std::string("workers = ") + value, "2:11: not a whole number from 1 to 64",
                    "Write it without quotes.");
  }
  require_refused("connections = 0", "2:15: not a whole number from 1 to 64",
                  "Write it without quotes.");
  require_refused("status_public = \"yes\"", "2:17: not true or false", "Write it without quotes.");
  require_refused("grace = 30", "2:9: the value must be a string", "Put it in double quotes.");
  require_refused("grace = \"0s\"", "2:9: not a duration",
                  R"(Write it as "500ms", "10s" or "1m30s".)");
}

BOOST_AUTO_TEST_CASE(word_that_is_not_known_is_refused_with_the_nearest) {
  require_refused("log = \"jason\"", "2:7: unknown value jason", "Did you mean json?");
  require_refused("log_level = \"loud\"", "2:13: unknown value loud",
                  "Known are: debug, error, info, notice, warning.");
  require_refused("log_level = \"a\\nb\"", "2:13: unknown value a\\nb",
                  "Known are: debug, error, info, notice, warning.");
}

BOOST_AUTO_TEST_CASE(address_of_the_status_server_is_a_socket_or_off) {
  BOOST_TEST(daemon("status = \"off\"").status == "");
  for (const char* address : {"127.0.0.1:0", "localhost:65535", "[::1]:7432", "unix:/s"}) {
    BOOST_TEST(daemon(std::string("status = \"") + address + "\"").status == address);
  }
  for (const char* address : {"", "7432", ":7432", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                              "127.0.0.1:-1", "127.0.0.1:80x", "::1:7432", "[]:1", "[::1]",
                              "unix:", "unix:run/s", "http://localhost:80", "on"}) {
    require_refused(std::string("status = \"") + address + "\"", "2:10: not an address",
                    R"(Write it as "127.0.0.1:7432", "[::1]:7432", "unix:/PATH" or "off".)");
  }
}

BOOST_AUTO_TEST_SUITE_END()

struct UpdateSettings {
  Update update(const std::string& text) {
    Config config;
    read_settings(directory.write("converge.toml", "[update]\n" + text + "\n"), config);
    return config.update;
  }
  void require_refused(const std::string& text, const std::string& place_and_message) {
    const auto file = (directory / "converge.toml").string();
    BOOST_CHECK_EXCEPTION(update(text), Error, [&](const Error& error) {
      BOOST_TEST(error.what() == file + ":" + place_and_message);
      BOOST_TEST(!error.hint().empty());
      return error.kind() == ErrorKind::usage;
    });
  }

  tests::TempDir directory;
};

const std::string kKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

BOOST_FIXTURE_TEST_SUITE(settings_of_updates, UpdateSettings)

BOOST_AUTO_TEST_CASE(each_has_a_default) {
  BOOST_TEST((update("") == Update{}));
  BOOST_TEST(Update{}.url == "");
  BOOST_TEST(Update{}.channel == "stable");
  BOOST_TEST(!Update{}.automatic);
  BOOST_TEST(Update{}.every.count() == 3'600'000);
  BOOST_TEST(Update{}.trial.count() == 60'000);
}

BOOST_AUTO_TEST_CASE(each_can_be_set) {
  const Update set = update("url = \"https://releases.example.com:8443/a/\"\nkeys = [\"" + kKey +
                            "\",\n  \"" + kKey +
                            "\"]\nchannel = \"canary-2\"\nauto = true\nevery = \"5m\"\n"
                            "trial = \"30s\"\npreflight = \"10s\"");
  BOOST_TEST(set.url == "https://releases.example.com:8443/a/");
  BOOST_REQUIRE(set.keys.size() == 2u);
  BOOST_TEST(set.keys[0].text == kKey);
  BOOST_TEST(set.keys[0].place == (directory / "converge.toml").string() + ":3:9");
  BOOST_TEST(set.keys[1].place == (directory / "converge.toml").string() + ":4:3");
  BOOST_TEST(set.channel == "canary-2");
  BOOST_TEST(set.automatic);
  BOOST_TEST(set.every.count() == 300'000);
  BOOST_TEST(set.trial.count() == 30'000);
  BOOST_TEST(set.preflight.count() == 10'000);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_meant_is_refused_where_it_stands) {
  for (const char* url : {"", "releases.example.com", "ftp://a/b", "http://", "https:///a",
                          "http://a/b c", "http://a/?b", "http://a/#b", "HTTP://a"}) {
    require_refused(std::string("url = \"") + url + "\"", "2:7: not a base URL");
  }
  for (const char* channel : {"", "Stable", "2nd", "../stable", "a_b", "a/b"}) {
    require_refused(std::string("channel = \"") + channel + "\"",
                    "2:11: not the name of a channel");
  }
  require_refused("keys = [\"" + kKey + "\", \"" + kKey.substr(1) + "\"]",
                  "2:69: not a public key of minisign");
  require_refused("keys = [\"RX" + kKey.substr(2) + "\"]", "2:9: not a public key of minisign");
  require_refused("keys = \"" + kKey + "\"", "2:8: the value must be an array of strings");
  require_refused("auto = \"yes\"", "2:8: not true or false");
  require_refused("trial = \"0s\"", "2:9: not a duration");
  require_refused("evry = \"1h\"", "2:1: unknown key update.evry");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::config
