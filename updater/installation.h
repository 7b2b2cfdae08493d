#pragma once

#include "src/base/descriptor.h"
#include "src/base/error.h"

#include <chrono>
#include <cstdint>
#include <filesystem>

namespace converge::updater {

/// Tells one content of one file from any other that its path might lead to.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size_bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;  ///< The status; another hard link, for one, is a change of it.

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// One installed binary, and what lies beside it.
///
/// At every instant its path leads to a complete build: what is there is only ever replaced by one
/// rename. Killed anywhere, it is the old build or the new one, and what else is left is removed by
/// the next `clean`. A daemon makes this object when it starts, since a process cannot tell where
/// its binary was once that has been replaced.
///
/// The order of an update: `require_replaceable`, `lock`, `clean`, `identity`, the download to
/// `part`, `stage`, a try of `staged`, `put_in`. All of them but the first and `identity` need the
/// lock, and so does changing the state file.
class Installation {
 public:
  /// Of the running program. Throws `Error{transient}` when its binary was replaced since, and
  /// `Error{usage}` when it was removed.
  static Installation of_this_process();
  /// Symbolic links are resolved, here and now: it is their target that is replaced. Throws
  /// `Error{usage}` when there is nothing.
  explicit Installation(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path directory() const { return path_.parent_path(); }
  std::filesystem::path previous() const;    ///< `NAME.previous`: the build before.
  std::filesystem::path part() const;        ///< `.NAME.part`: a download that can be resumed.
  std::filesystem::path staged() const;      ///< `.NAME.new`: to be put in.
  std::filesystem::path state_file() const;  ///< `.NAME.state`
  std::filesystem::path lock_file() const;   ///< `.NAME.lock`; it stays.

  /// Refuses a place where nothing can be replaced: `require_replaceable_place`. Before the lock
  /// and any download, and it leaves nothing behind.
  void require_replaceable() const;

  /// Held by one process at a time, and released with it, however it ends. Programs that it runs do
  /// not inherit it.
  class Lock {
   public:
    explicit Lock(Descriptor file) noexcept : file_(std::move(file)) {}

   private:
    Descriptor file_;
  };
  /// Throws `Error{transient}` when another process still has it after `wait`, `Error{usage}` where
  /// its file cannot be made.
  Lock lock(std::chrono::milliseconds wait) const;

  /// Removes what dead attempts left: `staged`, links and states under temporary names, a `part`
  /// older than seven days, and a `previous` that is the present binary itself (killed just before
  /// the rename, it is the build before no more). Nothing else. Throws `Error{failure}`.
  void clean() const;

  /// Makes `staged` of a complete, verified file in the same directory (regular, with one name),
  /// by renaming it, so that it takes no space and is what was verified: with the attributes of the
  /// present binary
  /// (`copy_file_attributes`), durable, and opened for writing by nobody any more, so that it can
  /// be run (a fork of this process may have had it open for a moment). Throws `Error{failure}`;
  /// there is no `staged` then, and no `part`.
  void stage(const std::filesystem::path& part) const;

  /// Keeps the present binary as `previous`, by a hard link, in place of an older one, unless it is
  /// `unproven`: then the older one stays; then puts `staged` in its place with one rename, and
  /// makes that durable.
  ///
  /// `expected` is what `identity` said before the download. Throws `Error{transient}` when the
  /// path leads to something else by now, `Error{failure}` when a step fails: nothing has changed
  /// at the path then. `Error{in_doubt}`: the new build is in, and a power failure may undo it.
  void put_in(const FileIdentity& expected, bool unproven = false) const;

  /// Whether there is a build to go back to.
  bool has_previous() const;
  /// Whether something is staged: what is put in is so no more.
  bool has_staged() const;
  /// Puts `previous` in the place of the present binary, with one rename: it is gone as `previous`
  /// then, and the present one for good. One that somebody has removed is no hindrance. Removes
  /// `staged` and `part`. Throws `Error{usage}` when there is nothing to go back to, else as
  /// `put_in`.
  void put_back() const;

  /// Of the binary at the path now. Throws `Error{usage}` when there is none.
  FileIdentity identity() const;

 private:
  std::filesystem::path beside(const char* suffix) const;  ///< `.NAME` and the suffix.
  std::filesystem::path link() const;                      ///< `.NAME.link`: becomes `previous`.
  void keep(const FileIdentity& expected) const;

  std::filesystem::path path_;
};

/// Whether `run_child` could not run a program because somebody still has it open for writing. That
/// passes: a fork of this process had its descriptors for a moment. `stage` waits for it; on a file
/// system without leases (fcntl(2)) it cannot, and who runs `staged` tries again.
bool is_text_busy(const Error& error);

}  // namespace converge::updater
