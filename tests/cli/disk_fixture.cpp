#include "tests/cli/disk_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>

namespace converge::tests {
namespace {

/// Beside the program of the tests.
std::filesystem::path shim() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "disk-shim.so";
}

}  // namespace

Disk::Disk() {
  add_accounts(6);
  archive_accounts();
  define("archive", archiver("-- chunk: 2\n"));
}

CommandResult Disk::run_on_disk(const std::string& failure) {
  std::filesystem::remove(log);
  return run_further_on_disk(failure);
}

CommandResult Disk::run_further_on_disk(const std::string& failure) {
  const auto before = environment;
  environment["LD_PRELOAD"] = shim().string();
  environment["DISK_LOG"] = log.string();
  environment["DISK_FILE"] = journal.filename().string();
  if (!failure.empty()) environment["DISK_FAIL"] = failure;
  auto result = call({"run", "archive"});
  environment = before;
  return result;
}

std::vector<DiskCall> Disk::history() const {
  return std::filesystem::exists(log) ? read_disk_log(log) : std::vector<DiskCall>();
}

void Disk::require_records_after_power_cut(const DiskFiles& before) const {
  const auto now = files();
  const auto calls = history();
  put(after_power_cut(before, calls, calls.size(), Survivors::none));
  const auto committed = lines(sql("select distinct xid from audit"));
  if (!committed.empty()) {
    const auto verified = call({"journal", "verify"});
    BOOST_TEST(verified.status == 0, verified.out << verified.err);
  }
  require_recorded(committed);
  put(now);
}

void Disk::require_recorded(const std::vector<std::string>& ids) const {
  if (ids.empty()) return;
  const auto recorded =
      lines(run_command({"sqlite3", journal.string(), "select xid from \"transaction\""}).out);
  for (const auto& id : ids) {
    BOOST_TEST(std::count(recorded.begin(), recorded.end(), id) == 1,
               "transaction " << id << " was committed and has no record");
  }
}

std::size_t count_calls(const std::vector<DiskCall>& history, std::size_t count, char kind) {
  return static_cast<std::size_t>(
      std::count_if(history.begin(), history.begin() + static_cast<std::ptrdiff_t>(count),
                    [kind](const DiskCall& call) { return call.kind == kind; }));
}

}  // namespace converge::tests
