#pragma once

#include "src/base/descriptor.h"
#include "src/base/digest.h"

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace converge::updater {

/// A file that grows until it is whole: the beginning of a download, which the next attempt goes on
/// with. Its size is what it holds; the space for the rest is reserved behind its end.
///
/// It says nothing about what its bytes are: after a crash of the host the last of them may be
/// zeros, and it may be of another build. `digest` tells, and only that. One object at a time; the
/// caller has the lock. All of this throws `Error{failure}` naming the path and the reason.
class PartFile {
 public:
  /// Opens it, or creates it with mode 0600, and reads what it holds for the digest. What is there
  /// and is no plain file with a single name that belongs to the user of this process alone (it may
  /// be a link to the binary that runs), or holds more than `whole_bytes`, is removed first.
  PartFile(std::filesystem::path path, std::int64_t whole_bytes);

  std::int64_t size_bytes() const { return size_bytes_; }
  std::int64_t whole_bytes() const { return whole_bytes_; }
  bool is_whole() const { return size_bytes_ == whole_bytes_; }

  /// Sets the space for the rest aside, before anything is fetched. An empty file is removed when
  /// there is not enough; the message says how much it needs.
  void reserve();
  /// No more than what is missing.
  void append(std::string_view bytes);
  /// Empties it.
  void restart();
  void remove();
  /// Of all bytes, which are not read again for it. To be called once the file is whole; then only
  /// `restart`, `remove` and `sync` make sense.
  Digest digest() { return hash_.finish(); }
  /// Returns when it is on disk, under its name. Where that fails it is removed.
  void sync();

 private:
  bool open_existing();
  void create();
  void read_existing();
  int try_reserve() const;
  [[noreturn]] void fail(const char* doing, int error_number) const;

  std::filesystem::path path_;
  std::int64_t whole_bytes_;
  std::int64_t size_bytes_ = 0;
  Descriptor file_;
  Sha256 hash_;
};

}  // namespace converge::updater
