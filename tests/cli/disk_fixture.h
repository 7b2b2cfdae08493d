#pragma once

#include "tests/cli/fixture.h"
#include "tests/support/disk_log.h"

#include <string>
#include <vector>

namespace converge::tests {

/// A pass whose journal is on a disk that is watched, can fail, and can lose its power.
struct Disk : Cli {
  Disk();

  /// Runs it with the shim, which begins a new log; `failure` is its DISK_FAIL.
  CommandResult run_on_disk(const std::string& failure = "");
  /// The same, and the log goes on.
  CommandResult run_further_on_disk(const std::string& failure = "");

  /// What has happened to the journal's files since the log was begun.
  std::vector<DiskCall> history() const;
  /// The journal's files as they are now; to others.
  DiskFiles files() const { return read_files(journal.parent_path()); }
  void put(const DiskFiles& files) const { write_files(journal.parent_path(), files); }

  /// What a power cut now would leave has a record of each transaction that was committed.
  /// `before`: the files when the log was begun.
  void require_records_after_power_cut(const DiskFiles& before) const;
  /// Each of these transactions has its record.
  void require_recorded(const std::vector<std::string>& ids) const;

  std::filesystem::path log = directory / "disk.log";
};

/// How many of the first `count` calls are of this kind.
std::size_t count_calls(const std::vector<DiskCall>& history, std::size_t count, char kind);

}  // namespace converge::tests
