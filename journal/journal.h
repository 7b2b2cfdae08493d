#pragma once

#include "journal/control.h"
#include "journal/entry.h"
#include "journal/owed.h"
#include "journal/update.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace converge::journal {

/// The pass that entries belong to. `id` is 0 until its first entry is appended, whose seq it
/// becomes: a pass that found nothing to do has no id and leaves no trace.
struct PassId {
  std::int64_t id = 0;
};

/// A limit's hold on a converger.
struct Hold {
  std::string converger;
  std::string digest;                ///< Of the exact set that was stopped.
  std::int64_t inconsistencies = 0;  ///< In that set.
  std::int64_t allowed = 0;
  std::int64_t since_us = 0;
  bool released = false;             ///< A person released it; the next pass may act ...
  std::string released_digest = {};  ///< ... on exactly this set; empty: within its limit, as ever.
};

/// What stands in a converger's way before a pass.
struct Standing {
  std::optional<Pause> pause = {};  ///< In force: its own, else that of all.
  std::optional<Hold> hold = {};
  std::vector<Quarantined> quarantined = {};
  bool owes = false;  ///< Something outside the database, be its transaction settled or not.
};

/// What is remembered of a converger's passes; lost without harm.
struct LastPass {
  std::string converger;
  std::string shard = {};  ///< `I/N`; empty: over all subjects, or of all shards what is worst.
  std::int64_t time_us = 0;
  std::string outcome;             ///< As in `run -o json`.
  std::int64_t correction_us = 0;  ///< 0: never corrected anything.
  std::int64_t completed_us = 0;   ///< When one last did not fail; 0: never. Read only.
  std::string message = {};        ///< Why it failed, or empty.
  /// To be noted: whether it looked at all subjects, and not at some that were named.
  bool complete = true;
  // Counted by the journal.
  std::int64_t streak = 0;  ///< Complete passes in a row, this the last, that corrected something.
  std::int64_t failures = 0;  ///< Passes in a row, this the last, that failed.
};

/// The writing side of the journal file.
///
/// Several processes share one file: each write takes an exclusive flock on FILE.lock and one
/// `BEGIN IMMEDIATE` transaction, and is on disk (WAL, synchronous=FULL) when the call returns. A
/// call that throws may or may not have written (an fsync that failed says neither): the connection
/// is closed, and the next call reopens the file and reads the head again. Thread-safe.
///
/// Throws `Error{failure}` when it cannot be written: the caller must then commit nothing.
class Journal {
 public:
  /// Opens or creates the file (mode 0600, directory 0700), migrating an older schema. A corrupt
  /// file is moved aside to FILE.corrupt-TIME, a new one begun whose first entry (`recovery`)
  /// names it, and `notice` told. `actor` is recorded with every entry of this writer. `notice` is
  /// called with locks held: it must not call the journal. Throws `Error{usage}`, leaving the file
  /// alone, when it is another program's database or of a newer schema
  /// whose file says that this build may not write it.
  Journal(std::filesystem::path file, std::string actor,
          std::function<void(const std::string&)> notice);
  ~Journal();

  /// Notes the text of a definition once, so that the journal can show the very text that acted.
  /// `id.version` must be the SHA-256 of `text`. Costs no I/O: the text is written in the
  /// transaction of the first entry that names it. An entry whose definition has a version that
  /// nobody has registered is refused with `Error{failure}`; an empty version names a converger
  /// without a text (a pause, say).
  void register_definition(const DefinitionId& id, const std::string& text);

  /// Appends a `txn` entry and its inconsistencies, all `pending`, in one durable transaction, and
  /// returns the seq of the `txn` entry. `next` gives one inconsistency after the other, valid
  /// until it is called again, and null at the end; so a set of any size needs the memory of one.
  /// Queued outcomes go first. What an inconsistency has `planned` is owed from then on, see
  /// `owed`. `next` must not call the journal; when it throws, nothing is written.
  std::int64_t append_pending(PassId& pass, const DefinitionId& definition, const Txn& txn,
                              const NextInconsistency& next);

  /// Queues the outcome of a `txn`; it rides on the next durable append or on `flush`. Lost in a
  /// crash before that, it is found again by recovery. A second outcome of a txn is refused with
  /// `Error{usage}`, and so is that of an entry which is neither `txn` nor `attempt`. The outcome
  /// of a txn whose journal was moved aside meanwhile is dropped with a notice.
  void append_outcome(PassId pass, const DefinitionId& definition, std::int64_t txn,
                      Outcome outcome, std::optional<std::string> detail = std::nullopt);

  // Steps outside the database.

  /// Appends an `attempt` entry, `pending`, that is durable when the call returns with its seq:
  /// only then may anything be sent. Of threads that call it at once, one writes for all. With
  /// `for_found` it is remembered as the subject's last, see `last_outside`.
  std::int64_t begin_attempt(PassId& pass, const DefinitionId& definition, const Attempt& attempt,
                             bool for_found);
  /// Queues the outcome of an attempt, and with it the change of state, as `append_outcome` does
  /// and with its errors. `attempt` is what was begun; `detail` is
  /// `{"status","duration_ms","message","output"}`, with the members that apply.
  void end_attempt(PassId pass, const DefinitionId& definition, std::int64_t seq, Outcome outcome,
                   std::string detail, const Attempt& attempt, AttemptState state);
  /// Gives attempts without an outcome whose process `is_dead` the outcome `unknown`, durably: the
  /// other side may have acted. Returns how many. Without any, nothing is written. `is_dead` must
  /// not call the journal.
  int give_up_attempts(const std::function<bool(const ProcessIdentity&)>& is_dead);

  /// A page of what a converger owes, oldest first, by transactions that are committed. Writes the
  /// outcomes that are still queued, lest what is done is done again. What a transaction planned
  /// that was rolled back or failed is forgotten with its outcome; that of an unknown one waits
  /// until a person settles it.
  std::vector<Owed> owed(const std::string& converger, const OwedPage& page);
  /// Those of `subjects` that `owed` tells of on some page, sorted.
  std::vector<std::string> owed_among(const std::string& converger,
                                      const std::vector<std::string>& subjects);
  /// Has what is owed by these keys wait for that step now, not yet done. Durable.
  void advance_owed(const std::vector<std::string>& keys, std::int64_t step);
  /// Forgets what is owed by these keys: all of it is done, or the subject is no longer of concern.
  /// Durable; the bytes are overwritten in the file.
  void drop_owed(const std::vector<std::string>& keys);

  /// For each of `subjects`, in their order, the last attempt of a step for subjects that are
  /// found. Writes queued outcomes as `owed` does.
  std::vector<std::optional<LastOutside>> last_outside(const std::string& converger,
                                                       const std::string& title,
                                                       const std::vector<std::string>& subjects);
  /// Forgets the attempts for subjects that are no longer found, where none has succeeded: the next
  /// time that they are is another inconsistency, with another key. Costs no write without any.
  void forget_outside(const std::string& converger, const std::vector<std::string>& subjects);
  /// Forgets attempts of a step before `before_us`, and before `failed_us` where none has succeeded
  /// and the subject is not in quarantine. Costs no write without any.
  void purge_outside(const std::string& converger, const std::string& title, std::int64_t before_us,
                     std::int64_t failed_us = 0);

  // What else is to be told.

  /// Appends one entry durably, after queued outcomes; gives `pass` its id when it has none.
  std::int64_t append(PassId& pass, Entry entry);

  /// Has `told` called with the time that each durable write took, waiting for others included. It
  /// must not call the journal. To be set before the journal is used.
  void time_writes(std::function<void(std::chrono::microseconds)> told);

  /// Writes queued outcomes and passes. To be called now and then, and at the end.
  void flush();

  /// Transactions that have no outcome yet, oldest first, and no attempts. Outcomes still queued
  /// count as there.
  std::vector<Unsettled> unsettled();

  // State that is not history.

  /// Queues it as outcomes are, so that a pass which changed nothing costs no fsync; of several
  /// such in a row the newest counts. The streak grows with a complete pass that corrected
  /// something
  /// (`correction_us`), and ends with one that found all in order (`unchanged`); a pass that failed
  /// or was stopped says nothing about that.
  void note_pass(const LastPass& last);
  std::optional<Hold> hold(const std::string& converger);
  /// Appends the `hold` entry and remembers the hold, in one transaction. A hold with the digest
  /// that is remembered already appends nothing.
  void put_hold(PassId& pass, const DefinitionId& definition, const Hold& hold,
                const std::string& detail);
  /// Appends the `release` entry and marks the hold released. Throws `Error{usage}` when the
  /// converger is not held, or is held for another digest than the one given (when given).
  void release(const std::string& converger, const std::optional<std::string>& digest);
  void drop_hold(const std::string& converger);

  /// Of `subjects`, which have been found for at least `settle_us`; the others are remembered with
  /// this time. `mark` names the pass, see `forget_settling`.
  std::vector<bool> settled(const std::string& converger, const std::vector<std::string>& subjects,
                            std::int64_t settle_us, std::int64_t mark);
  /// When the first of a converger's subjects will have settled that have not.
  std::optional<std::int64_t> next_settled_us(const std::string& converger, std::int64_t settle_us);
  /// Forgets the subjects of a converger that the pass `mark` did not meet.
  void forget_settling(const std::string& converger, std::int64_t mark);

  // What people stop and start, and what keeps failing.

  /// Appends the `pause` entry and remembers the pause, in one transaction. A time of 0 is now, an
  /// empty actor this writer's. Pausing again replaces all but the time since when.
  void pause(const Pause& pause);
  /// Appends the `resume` entry and forgets the pause of that converger, or with an empty name that
  /// of all. False, and nothing is written, when there is none in force.
  bool resume(const std::string& converger, const std::string& reason);
  /// What people and failures have put in a converger's way; costs little when that is nothing.
  Standing standing(const std::string& converger);

  /// Appends the entry (a `failure`) and remembers the subject, in one transaction.
  void quarantine(PassId& pass, Entry entry, const Quarantined& subject);
  /// Forgets subjects that succeeded or are no longer found. Costs no write when none of them is in
  /// quarantine.
  void free(const std::string& converger, const std::vector<std::string>& subjects);
  /// Appends the `retry` entry and has the subject, or all of that converger, tried in the next
  /// pass; what they have failed so far still counts. Returns how many subjects that are; for none,
  /// nothing is written.
  int retry(const std::string& converger, const std::optional<std::string>& subject);
  /// Of one converger, those first that are due first.
  std::vector<Quarantined> quarantined(const std::string& converger);
  /// The subjects that were corrected in each of the newest `passes` complete passes that corrected
  /// anything. Whether these came one after the other is for the caller to know:
  /// `LastPass::streak`.
  std::vector<std::string> in_a_row(const std::string& converger, int passes);

  /// How often a converger has corrected a subject since a time; counts no further than `enough`.
  int count_corrections(const std::string& converger, const std::string& subject,
                        std::int64_t since_us, int enough);

  /// `LastPass::streak` as it was last written.
  std::int64_t streak(const std::string& converger);
  /// The other convergers that corrected a subject of that key or label during these passes.
  std::vector<std::string> corrected_beside(const std::string& converger,
                                            const std::string& subject, const std::string& label,
                                            int passes);

  /// Remembers that this process is the daemon of this journal, in place of any other; its identity
  /// is added here.
  void begin_service(const Service& service);
  /// Forgets this process, if it is still the one that is remembered.
  void end_service();

  // Updates of converge.

  /// Appends the `update` entry, and raises what is not to be gone below, in one durable
  /// transaction. With `once` nothing is appended when the newest entry of such an event says the
  /// same, or, of what happens to the binary, when the newest such entry is it or follows from it.
  /// Where there is nothing to write, nothing is. Returns whether it was appended.
  bool append_update(const UpdateEvent& event, const std::map<std::string, UpdateSeen>& seen = {},
                     bool once = false);
  /// By channel.
  std::map<std::string, UpdateSeen> update_seen();

  /// The key for values that a definition redacts: 32 random bytes in FILE.key (0600), made at
  /// first use and never in the journal, so that a copy of the journal cannot be searched.
  std::string redaction_key();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace converge::journal
