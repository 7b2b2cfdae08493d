#pragma once

#include <filesystem>
#include <functional>

namespace converge::engine {

/// A copy of a journal that somebody else may try things on: in a directory of its own beside the
/// journal (`JOURNAL.preflight-PID`, mode 0700), where whatever the copy holds is as safe as in the
/// journal. It goes with this object. Where there is no journal yet, neither is there a copy.
class JournalCopy {
 public:
  /// Removes what processes that died have left of such directories. Looks at the space first:
  /// throws `Error{failure}` when there is not twice as much as the journal takes, or as
  /// `journal::backup`. What `look`, which is called while it is copied, throws is thrown on, and
  /// nothing is left.
  explicit JournalCopy(const std::filesystem::path& journal,
                       const std::function<void()>& look = {});
  ~JournalCopy();
  JournalCopy(const JournalCopy&) = delete;
  JournalCopy& operator=(const JournalCopy&) = delete;

  std::filesystem::path path() const { return directory_ / "journal.db"; }

 private:
  std::filesystem::path directory_;
};

}  // namespace converge::engine
