#include "tests/support/disk_log.h"

#include "tests/support/temp_dir.h"

#include <algorithm>
#include <array>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace converge::tests {
namespace {

/// A file, whatever its name.
struct Content {
  std::string durable;
  std::vector<DiskCall> pending;  ///< Written and not synced.
};
using Names = std::map<std::string, std::shared_ptr<Content>>;

void put(std::string& content, const DiskCall& call) {
  if (call.kind == 'T') return content.resize(call.offset);
  content.resize(std::max(content.size(), call.offset + call.bytes.size()));
  content.replace(call.offset, call.bytes.size(), call.bytes);
}

std::string surviving(const Content& content, Survivors survivors) {
  std::string bytes = content.durable;
  const auto& pending = content.pending;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const bool is_last = i + 1 == pending.size();
    DiskCall call = pending[i];
    if (survivors == Survivors::none || (survivors == Survivors::odd && i % 2 == 0) ||
        (survivors == Survivors::newest && !is_last)) {
      continue;
    }
    if (survivors == Survivors::torn && is_last) call.bytes.resize(call.bytes.size() / 2);
    put(bytes, call);
  }
  return bytes;
}

/// Now, and after a power cut.
struct Disk {
  Names names;
  Names durable_names;

  void carry_out(const DiskCall& call) {
    switch (call.kind) {
      case 'C':
        names[call.file] = std::make_shared<Content>();
        break;
      case 'U':
        names.erase(call.file);
        break;
      case 'D':
        durable_names = names;
        break;
      case 'W':
      case 'T':
        named(call.file).pending.push_back(call);
        break;
      case 'S':
        for (const auto& one : named(call.file).pending) put(named(call.file).durable, one);
        named(call.file).pending.clear();
        break;
      case 'F':
        named(call.file).pending.clear();
        break;
      default:
        break;
    }
  }

 private:
  Content& named(const std::string& file) const { return *names.at(file); }
};

}  // namespace

std::vector<DiskCall> read_disk_log(const std::filesystem::path& file) {
  std::vector<DiskCall> log;
  std::istringstream stream(read_text(file));
  DiskCall call;
  std::size_t size = 0;
  while (stream >> call.kind >> call.file >> call.offset >> size) {
    stream.ignore();
    call.bytes.resize(size);
    stream.read(call.bytes.data(), static_cast<std::streamsize>(size));
    if (!stream) throw std::runtime_error(file.string() + " ends in a record");
    log.push_back(call);
  }
  return log;
}

const char* name_of(Survivors survivors) {
  constexpr std::array kNames{"nothing unsynced survives", "all of it", "torn last write",
                              "every other write", "last write alone"};
  return kNames.at(static_cast<std::size_t>(survivors));
}

DiskFiles read_files(const std::filesystem::path& directory) {
  DiskFiles files;
  if (!std::filesystem::exists(directory)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const auto name = entry.path().filename().string();
    if (name.ends_with("-shm") || name.ends_with(".lock")) continue;
    files[name] = read_text(entry.path());
  }
  return files;
}

void write_files(const std::filesystem::path& directory, const DiskFiles& files) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  for (const auto& [name, content] : files) {
    write_text(directory / name, content);
    std::filesystem::permissions(
        directory / name, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
}

DiskFiles after_power_cut(const DiskFiles& before, const std::vector<DiskCall>& log,
                          std::size_t calls, Survivors survivors) {
  Disk disk;
  for (const auto& [name, content] : before) {
    disk.names[name] = std::make_shared<Content>(Content{.durable = content, .pending = {}});
  }
  disk.durable_names = disk.names;
  for (std::size_t i = 0; i < calls; ++i) disk.carry_out(log[i]);
  // A name that is not durable may have become so all the same, as content may.
  const auto& names = survivors == Survivors::none ? disk.durable_names : disk.names;
  DiskFiles files;
  for (const auto& [name, content] : names) files[name] = surviving(*content, survivors);
  return files;
}

}  // namespace converge::tests
