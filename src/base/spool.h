#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace converge {

/// A queue of byte strings in an unlinked temporary file (in `$TMPDIR`, else `/tmp`), so that what
/// does not fit in memory waits on disk. Written first, then read once or more from the start.
///
/// The file has no name and mode 0600: it disappears with the process, whatever ends it. Throws
/// `Error` when the disk is full or unwritable.
class Spool {
 public:
  Spool();

  void append(std::string_view record);
  /// To be called between the last `append` and the first `next`; also starts over.
  void rewind();
  /// Puts the next record into `record`; false at the end.
  bool next(std::string& record);

  std::uint64_t size() const { return size_; }  ///< Records appended.

 private:
  struct Close {
    std::vector<char> buffer;  // Of the stream, so it outlives the stream.
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t size_ = 0;
};

}  // namespace converge
