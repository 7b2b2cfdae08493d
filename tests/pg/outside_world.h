#pragma once

#include "tests/pg/fixture.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace converge::tests {

/// Archives clusters, then tells a program of each account; and a mark, for what comes after.
struct OutsideWorld : World {
  OutsideWorld() {
    sql("create table told (account_id bigint primary key, times int not null default 1)");
    script("exit 0");
  }

  /// What the program does after it has written a line into the log: KEY IDEMPOTENCY_KEY.
  void script(const std::string& rest) const {
    directory.write("call", "#!/bin/sh\necho \"$1 $CONVERGE_IDEMPOTENCY_KEY\" >> " + log() + "\n" +
                                rest + "\n");
    std::filesystem::permissions(directory / "call", std::filesystem::perms::owner_all);
  }
  std::string log() const { return (directory / "log").string(); }

  std::string call(const std::string& directives) const {
    return "-- exec: tell\n--   " + (directory / "call").string() + " {id}\n" + directives + "\n";
  }

  /// Lines of the log; with `part` 1 or 2 that column alone; sorted.
  std::string calls(int part = 1) const {
    std::ifstream file(log());
    std::vector<std::string> lines;
    for (std::string key, idempotency; file >> key >> idempotency;) {
      lines.push_back(part == 1 ? key : idempotency);
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines) text += (text.empty() ? "" : " ") + line;
    return text;
  }
  void forget_calls() const { std::filesystem::remove(log()); }

  std::string told() const {
    return sql(
        "select coalesce(string_agg(account_id || 'x' || times, ' ' order by account_id), "
        "'') from told");
  }
  /// Archives so many accounts in a pass whose calls fail: they are owed, and their time has come.
  void leave_owing(int accounts, const std::string& definition) {
    archived_accounts(accounts);
    script("exit 1");
    define("tell", definition);
    run("tell");
    make_due();
    forget_calls();
  }

  std::string owed() const { return journaled("select count(*) from owed"); }
  std::string attempts() const {
    return journaled("select outcome, count(*) from attempt group by 1 order by 1");
  }
  /// As if the time of all in quarantine had come.
  void make_due() const { change("update quarantine set next_us = 1"); }
  /// As if what was done for those found had been done an hour ago.
  void change(const std::string& state) const {
    SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE).exec(state);
  }
  void make_old() const { change("update outside_last set done_us = done_us - 3600000000"); }
};

inline const std::string kMark =
    "-- step: mark\ninsert into told select id from subject on conflict do nothing "
    "returning account_id, times;\n";
inline constexpr std::size_t kKeySize = 32 + 1 + 8;
inline const std::string kForFound = "-- for: found\n-- repeat: 10m";

}  // namespace converge::tests
