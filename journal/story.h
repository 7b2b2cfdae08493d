#pragma once

#include "journal/reader.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace converge::journal {

/// Whose story is told.
struct StoryFilter {
  std::string subject;                       ///< Its key, exactly.
  std::vector<std::string> convergers = {};  ///< Names or globs, any of which; none: all.
};

/// The entry that tells how a transaction or an attempt ended.
struct Settlement {
  std::int64_t seq = 0;
  std::int64_t time_us = 0;
  std::string actor;
  std::optional<std::string> detail;  ///< Why, when it is not simply what was asked for.
};

/// The entry that tells who erased the details before it, and why.
struct Redaction {
  std::int64_t seq = 0;
  std::int64_t time_us = 0;
  std::string actor;
  std::optional<std::string> detail;
};

/// An entry of a subject, with what other entries tell about it.
struct StoryEntry {
  StoredEntry stored;
  bool redacted = false;                              ///< Its detail was erased ...
  std::optional<Redaction> redaction = std::nullopt;  ///< ... by this, if an entry tells.
  std::optional<Settlement> settlement = std::nullopt;
  std::optional<std::string> xid = std::nullopt;          ///< PostgreSQL's, of its transaction.
  std::optional<std::string> trigger = std::nullopt;      ///< Of its pass, once that has ended.
  std::optional<std::int64_t> planned_by = std::nullopt;  ///< Of an attempt: the inconsistency.
  /// A committed correction: the how-manieth of this subject by its converger (from 1), and when
  /// the one before was; otherwise 0.
  std::int64_t occurrence = 0;
  std::optional<std::int64_t> previous_us = std::nullopt;
};

/// What a story comes to. Corrections are counted where they were committed.
struct StorySummary {
  struct Corrections {
    std::string converger;
    std::int64_t count = 0;
    std::int64_t first_us = 0;
    std::int64_t last_us = 0;
  };

  std::int64_t last_seq = 0;                ///< Of its newest entry; 0: there is no entry.
  std::optional<std::string> label;         ///< The newest.
  std::vector<Corrections> corrected = {};  ///< In the order of their first ones.
  std::int64_t failed = 0;                  ///< Failures; attempts that failed have one each.
  std::int64_t last_failed_us = 0;
  std::int64_t rolled_back = 0;  ///< Corrections that were not to be ...
  std::int64_t pending = 0;      ///< ... that are not settled yet ...
  std::int64_t unknown = 0;      ///< ... or of which nobody knows.
  SubjectOwed owed = {};         ///< Steps outside the database that are still to be carried out.
};

/// What a person's word for a subject came to.
struct FoundSubject {
  struct Candidate {
    std::string converger;
    std::string subject;
  };

  std::optional<std::string> subject;  ///< The key, if exactly one subject is meant.
  std::vector<Candidate> namesakes;    ///< Several have that label: in the order of appearance ...
  bool has_more_namesakes = false;     ///< ... and these are not all of them.
  std::vector<std::string> near;       ///< Nothing was found: keys and labels that are alike.
  std::int64_t labels_searched = 0;    ///< Among how many of the newest entries.
  bool known_to_others = false;        ///< The key has entries, of other convergers.
};

/// Reads the stories of subjects. Like `Reader`: read-only, in pages, without a read transaction
/// between two of them. What it reads is in proportion to one subject's entries, and never to the
/// journal.
class StoryReader {
 public:
  /// A label is looked for among so many of the newest entries, as no index has it: what can be
  /// read in some milliseconds.
  static constexpr std::int64_t kLabelEntries = 24'576;

  /// Throws like `Reader`.
  explicit StoryReader(const std::filesystem::path& file);
  ~StoryReader();

  /// The subject with the key that `filter.subject` is, or else with exactly this label.
  FoundSubject find(const StoryFilter& filter);

  /// Reads no detail.
  StorySummary summary(const StoryFilter& filter);

  /// The entries of the subject up to `last_seq`, oldest first.
  void tell(const StoryFilter& filter, std::int64_t last_seq,
            const std::function<void(const StoryEntry&)>& entry);

  /// The text that acted; nullopt for a converger that is only named.
  std::optional<std::string> definition(const DefinitionId& id);

  /// The names of all convergers that have acted.
  std::vector<std::string> convergers();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace converge::journal
