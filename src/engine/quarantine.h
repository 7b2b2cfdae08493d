#pragma once

#include "journal/control.h"
#include "journal/entry.h"
#include "src/engine/converger.h"
#include "src/engine/record.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::engine {

/// How long a subject that failed so many times in a row is left alone: from a minute, twice as
/// long each time, up to six hours, a fifth more or less.
std::chrono::microseconds quarantine_time(std::int64_t failures);

/// The subjects of a converger that keep failing, as one pass meets them. Not thread-safe, but for
/// what changes nothing once `look` has been called.
class Quarantine {
 public:
  /// `known` are those in the journal.
  void load(const std::vector<journal::Quarantined>& known, std::int64_t now_us);
  bool empty() const { return known_.empty(); }
  std::vector<std::string> keys() const;
  /// Forgets all others: they belong to other passes.
  void keep(const std::vector<std::string>& keys);

  /// Decides from what find returns for them now: those are left out whose time has not come and
  /// whose row has not changed. A fight is about the row, which tells nothing then.
  void look(const Converger& converger, const Recorder& recorder, postgres::Session& session);

  /// Steps outside the database are owed to these: they stay although find does not return them.
  void owe(const std::vector<std::string>& keys);

  bool leaves_out_any() const;
  /// Those that have failed in this pass too.
  bool leaves_out(std::string_view key) const;
  std::int64_t left_out() const { return left_out_; }

  /// That a subject failed; how it is in quarantine from now on. A row that somebody keeps locked
  /// is tried again as soon as if it were the first time, and each at its `next_us`, if that is
  /// set.
  journal::Quarantined failed(journal::Quarantined subject);
  /// Whether it was fought over when it was tried last, and no person asked for it to be tried.
  bool is_fight(const std::string& key) const;

  /// After a pass: those that were tried and have not failed, and those that find did not return.
  std::vector<std::string> freed() const;
  /// When the first of those left out, or failed, is due.
  std::optional<std::int64_t> next_us() const { return next_us_; }

 private:
  enum class Fate { unknown, gone, tried, left_out, failed };
  struct Known {
    journal::Quarantined subject;
    Fate fate = Fate::unknown;
  };
  void look_at(const Converger& converger, const Recorder& recorder, postgres::Session& session,
               const std::vector<std::string>& keys);
  void judge(Known& known, const std::string& row);
  void due_at(std::int64_t time_us);

  std::map<std::string, Known, std::less<>> known_;
  std::int64_t now_us_ = 0;
  std::int64_t left_out_ = 0;
  std::optional<std::int64_t> next_us_;
};

}  // namespace converge::engine
