#pragma once

#include "src/base/clock.h"
#include "src/engine/outside.h"
#include "src/engine/settings.h"
#include "src/engine/subjects.h"
#include "src/postgres/rows.h"
#include "src/postgres/transaction.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace converge::engine {

/// What a converger is, apart from what it does.
struct Profile {
  std::string name;
  std::string version;  ///< SHA-256 of `text`, hexadecimal.
  std::string text;     ///< The definition: what the journal keeps as the text that acted.
  std::string description;
  std::string runbook;
  std::filesystem::path path;
  Settings settings;
  std::vector<std::string> steps;  ///< Titles of those in the database, in order.
};

/// Some of the steps in the database that stand one after the other: from `first`, before `end`.
struct StepRange {
  std::size_t first = 0;
  std::size_t end = 0;
};

/// What one step did: one row for each change; its first column is the key of the subject.
struct StepChanges {
  std::string title;
  postgres::Rows rows;
  std::string after = {};  ///< In a plan: the step outside the database that it waits for, if any.
};

struct Converged {
  Subjects subjects;
  std::vector<StepChanges> changes;
};

/// Which shards of a converger a pass works on.
struct Shards {
  int of = 1;
  std::vector<int> mine = {0};

  bool all() const { return static_cast<std::size_t>(of) == mine.size(); }
};

/// A named job that finds subjects whose state is inconsistent and sets it right.
///
/// Level-based: what to do is decided from the database as it is now, never from what happened. The
/// pass gives it transactions, chunks, limits and the journal; it commits nothing by itself and has
/// no effect outside the transaction that it is given. Everything throws `Error`.
class Converger {
 public:
  virtual ~Converger() = default;

  virtual const Profile& profile() const = 0;

  /// Asks the server whether it accepts the definition and learns the columns of find, without
  /// executing anything. To be called before the others; never while another thread uses them.
  virtual void inspect(postgres::Session& session) = 0;

  /// Inspects when what is known is a minute old, or not to be trusted. Whether it did: else the
  /// schema may be another one by now, and an error be due to that.
  bool inspect_if_due(postgres::Session& session);
  /// Something failed: the next pass inspects.
  void distrust() { inspected_.reset(); }

  /// The names of the columns of subjects, after `inspect`; the key first. Subjects that `next`
  /// gives may have the first of them only: those that `converge` needs.
  virtual const std::vector<std::string>& columns() const = 0;
  /// Their types, oids.
  virtual const std::vector<std::uint32_t>& column_types() const = 0;

  /// The steps outside the database, in order. The pass carries them out.
  virtual const std::vector<std::unique_ptr<const OutsideStep>>& outside() const;

  /// Makes a session ready (prepared statements). Others may use other sessions meanwhile.
  virtual void prepare(postgres::Session& session) const = 0;

  /// Begins to find subjects in a transaction; `next` then returns at most so many at a time, and
  /// none at the end.
  virtual void find(postgres::Transaction& transaction, const Shards& shards) const = 0;
  virtual Subjects next(postgres::Transaction& transaction, std::size_t at_most) const = 0;

  /// Of these keys of subjects, those that belong to the shards; all, when one of them is no key
  /// any more.
  virtual std::vector<std::string> in_shards(postgres::Session& session,
                                             const std::vector<std::string>& keys,
                                             const Shards& shards) const = 0;

  /// Those with the keys of `known` that find returns now.
  virtual Subjects find_again(postgres::Transaction& transaction, const Subjects& known) const = 0;

  /// Sets the subjects right, with those steps. A subject that is right already must give no row:
  /// that is what makes a converger idempotent.
  virtual std::vector<StepChanges> converge(postgres::Transaction& transaction,
                                            const Subjects& subjects, StepRange steps) const = 0;

  /// Finds the subjects with these keys and, in the same round trip, converges all of them with all
  /// steps, found or not: when one was not, the caller has to roll back. Nothing, and nothing is
  /// done, when a step needs more of a subject than its key.
  virtual std::optional<Converged> find_and_converge(postgres::Transaction& transaction,
                                                     const Subjects& keys) const;

  /// Whether those steps would do nothing for the subjects, tried in a transaction that is rolled
  /// back.
  virtual bool is_right(postgres::Session& session, const Subjects& subjects,
                        StepRange steps) const;

 private:
  std::optional<Clock::time_point> inspected_;
};

bool any_rows(const std::vector<StepChanges>& changes);

/// The steps in the database before the outside step `outside`, after the one before it; those
/// after the last, when it is the number of outside steps.
StepRange steps_before(const Converger& converger, std::size_t outside);

}  // namespace converge::engine
