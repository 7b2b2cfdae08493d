#pragma once

#include "tests/cli/daemon_fixture.h"
#include "tests/support/state_machine.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace converge::tests {

/// Three archived accounts, a converger that tells a service of each, and a secret that the request
/// has: the service repeats it in its answers.
struct Outside : Cli {
  Outside() {
    environment["SERVICE"] = service.url();
    environment["http_proxy"] = std::nullopt;
    variables = "[variables]\nTOKEN = \"" + std::string(kSecret) + "\"\n";
    directory.write("converge.toml", variables);
    sql("create table mark (account_id bigint not null)");
    add_accounts(3);
    archive_accounts();
  }

  void define_archive(const std::string& settings = "") const {
    define("archive", archiver(settings) +
                          "\n-- http: tell\n--   POST ${SERVICE}/accounts/{id}?key=${TOKEN}\n"
                          "--   Authorization: Bearer ${TOKEN}\n\n"
                          "-- step: mark\ninsert into mark select id from subject "
                          "returning account_id;\n");
  }
  /// A converger whose program does not end, nor does what it starts.
  void define_sleeper(const std::string& settings) const {
    const auto script = directory.write(
        "script",
        "#!/bin/sh\nsleep 1000 & echo $! > \"$1/started\"; echo $$ > \"$1/program.new\"\n"
        "mv \"$1/program.new\" \"$1/program\"; wait\n");
    std::filesystem::permissions(script, std::filesystem::perms{0755});
    define("archive", archiver(settings + "-- timeout: 10m\n-- pass_timeout: 20m\n") +
                          "-- exec: tell\n--   " + script.string() + " " +
                          directory.path().string() + " {id}\n");
  }
  bool sleeps() const {
    return eventually([&] { return std::filesystem::exists(directory / "program"); }) &&
           !is_gone("program") && !is_gone("started");
  }
  /// Whether the process has ended whose number is in the file, reaped or not.
  bool is_gone(const std::string& file) const {
    std::ifstream stat("/proc/" + lines(read_text(directory / file)).front() + "/stat");
    std::string text;
    return !std::getline(stat, text) || contains(text, ") Z ");
  }
  /// How often the step after the call was taken.
  std::string marked() const { return sql("select count(*) from mark"); }
  std::string ask_journal_or(const std::string& otherwise, const std::string& query) const {
    return has_journal() ? ask_journal(query) : otherwise;
  }

  static void require_no_secret(const std::string& told) {
    BOOST_TEST(!contains(told, kSecret), told);
  }
  void require_no_secret_on_disk() const {
    for (const auto& file : std::filesystem::recursive_directory_iterator(journal.parent_path())) {
      if (!file.is_regular_file()) continue;
      BOOST_TEST(!contains(read_text(file.path()), kSecret), file.path());
    }
  }

  static constexpr const char* kSecret = "open-sesame-4711";
  StateMachine service;
  std::string variables;  ///< For a configuration.
};

}  // namespace converge::tests
