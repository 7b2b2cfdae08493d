#include "tests/torture/footprint.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace converge::tests {
namespace {

using std::filesystem::directory_iterator;

int entries_of(const std::filesystem::path& directory) {
  return static_cast<int>(std::distance(directory_iterator(directory), directory_iterator()));
}

}  // namespace

void Footprint::widen(const Footprint& other) {
  resident = std::max(resident, other.resident);
  descriptors = std::max(descriptors, other.descriptors);
  threads = std::max(threads, other.threads);
  sessions = std::max(sessions, other.sessions);
  files = std::max(files, other.files);
}

Footprint footprint_of(pid_t pid, const std::filesystem::path& temporary) {
  const auto process = std::filesystem::path("/proc") / std::to_string(pid);
  Footprint footprint;
  std::ifstream status(process / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) footprint.resident = std::stoll(line.substr(6)) * 1024;
    if (line.starts_with("Threads:")) footprint.threads = std::stoi(line.substr(8));
  }
  if (footprint.resident == 0) throw std::runtime_error("the process has ended");
  for (const auto& entry : directory_iterator(process / "fd")) {
    ++footprint.descriptors;
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    // What it prints is kept in memory, by who started it.
    if (target.ends_with(" (deleted)") && !target.starts_with("/memfd:")) ++footprint.files;
  }
  footprint.files += entries_of(temporary);
  return footprint;
}

}  // namespace converge::tests
