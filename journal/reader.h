#pragma once

#include "journal/entry.h"
#include "journal/journal.h"
#include "journal/owed_reading.h"
#include "journal/statistics.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace converge::journal {

/// An entry as it is read.
struct StoredEntry {
  std::int64_t seq = 0;
  std::int64_t time_us = 0;
  Entry entry;
  std::string actor;
  std::int64_t build = 0;
  std::optional<Outcome> settled;  ///< Of its transaction, so far; the entry's own if it has none.
  std::string hash;                ///< Hexadecimal.
  std::optional<std::string> answer = {};  ///< Of an attempt: the detail of its outcome entry.
};

/// Which entries; an empty member does not filter.
struct Filter {
  std::vector<std::string> convergers = {};  ///< Names or glob patterns, as fnmatch(3).
  std::optional<std::string> subject = {};
  std::vector<Kind> kinds = {};
  std::vector<Outcome> outcomes = {};  ///< As settled so far.
  std::optional<std::int64_t> pass = {};
  std::optional<std::int64_t> txn = {};       ///< A transaction and what belongs to it, by its seq.
  std::optional<std::int64_t> last_seq = {};  ///< Nothing after this entry.
  std::optional<std::string> actor = {};
  /// In the subject, the label or the detail (as JSON); upper and lower case of ASCII letters are
  /// the same unless there is an upper-case letter in it.
  std::optional<std::string> grep = {};
  std::optional<std::int64_t> since_us = {};  ///< Both included.
  std::optional<std::int64_t> until_us = {};
  std::int64_t newest = 20;  ///< At most so many, the newest.
  bool bookkeeping = true;   ///< Also `txn` and `outcome` entries, which other entries tell about.
};

/// The newest entry, now or when it was written down elsewhere.
struct Head {
  std::int64_t seq = 0;
  std::string hash;  ///< Hexadecimal, lower case.
};

/// What `verify` found.
struct Verification {
  std::int64_t entries = 0;     ///< Verified: all, or those before the first bad one.
  std::int64_t pruned_seq = 0;  ///< The last entry that is not there any more, or 0.
  std::int64_t head_seq = 0;
  std::string head_hash;                   ///< Hexadecimal.
  std::optional<std::int64_t> broken_seq;  ///< The first bad entry, or none: the journal is whole.
  std::string reason;                      ///< Why it is bad.
};

/// What is remembered beside the log, as it was at one instant.
struct State {
  std::map<std::string, LastPass> last_passes = {};  ///< By converger, and so the holds ...
  std::map<std::string, Hold> holds = {};            ///< ... which may be released already.
  std::vector<Pause> pauses = {};                    ///< Also those whose time is up.
  std::vector<Quarantined> quarantined = {};   ///< By converger, those first that are due first.
  std::optional<Service> service = {};         ///< Which may have died.
  std::map<std::string, OwedTotal> owed = {};  ///< By converger; also what waits for a person.
};

/// The reading side: opens the file read-only, never checkpoints, and holds no read transaction
/// between two calls or two pages, so that it never makes a writer wait.
class Reader {
 public:
  /// Throws `Error{usage}` when there is no such file, it is not a journal, or its schema is newer
  /// and says that this build does not know how to read it.
  explicit Reader(const std::filesystem::path& file);
  ~Reader();

  using Visit = std::function<void(const StoredEntry&)>;

  /// The newest entries that match, oldest of them first.
  void newest(const Filter& filter, const Visit& visit);
  /// The same entries, newest first.
  void newest_first(const Filter& filter, const Visit& visit);
  /// All that match of those after the entry `seq`, oldest first, up to the head as it is now.
  void after(std::int64_t seq, const Filter& filter, const Visit& visit);

  Head head();
  /// Random, of the journal and its copies and archives.
  std::string journal_id();
  /// Whether the file is still the one that was opened: a damaged one is moved aside.
  bool is_current() const;
  /// The convergers that have entries.
  std::vector<std::string> convergers();

  /// Walks the whole chain, recomputing every hash, and compares it with the recorded head; also
  /// that seq has no gap, that dictionaries, details and definition texts have the digests under
  /// the chain, that blocks have the times and hashes of their entries, and that `unsettled` agrees
  /// with the log. Uses all cores. `progress(done, total)` is called now and then, by this thread.
  ///
  /// A journal that was rewritten as a whole, hashes and all, is only found with a head that was
  /// `kept` elsewhere: that entry must be there with that very hash. One before `pruned_seq` is not
  /// compared, since its hash is gone.
  Verification verify(const std::function<void(std::int64_t, std::int64_t)>& progress = {},
                      const std::optional<Head>& kept = std::nullopt);

  /// What convergers did in a window of time; see `read_statistics`.
  Statistics statistics(const StatisticsQuery& query,
                        const std::function<void(std::int64_t, std::int64_t)>& progress = {});

  State state();
  /// What a converger owes, oldest first, by transactions that are committed; or may be, as
  /// `OwedTotal::subjects`.
  void owed(const std::string& converger, const std::function<void(const Owed&)>& visit);
  /// As `Journal::last_outside`.
  std::vector<std::optional<LastOutside>> last_outside(const std::string& converger,
                                                       const std::string& title,
                                                       const std::vector<std::string>& subjects);
  std::map<std::string, LastPass> last_passes();
  /// As `Journal::update_seen`.
  std::map<std::string, UpdateSeen> update_seen();
  std::map<std::string, Hold> holds();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace converge::journal
