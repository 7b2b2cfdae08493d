#pragma once

#include "src/base/process.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace converge::journal {

/// What an entry tells. The numbers are stored in the file and never reused.
enum class Kind : std::int64_t {
  txn = 1,        ///< A PostgreSQL transaction that is about to commit.
  inconsistency,  ///< A subject found wrong, with the steps that set it right.
  attempt,        ///< One try of a step outside the database.
  outcome,        ///< How a `txn` or an `attempt` ended; one for each, two if a person settled it.
  failure,        ///< A subject, or a whole pass, that could not be set right.
  pass,           ///< A pass that did, failed or was stopped.
  hold,           ///< A limit stopped a pass.
  release,        ///< A person let a held set through.
  pause,
  resume,
  retry,
  recovery,  ///< The journal or a record in it was put in order after a crash.
  update,
  prune,
  redact,
  clock,  ///< The wall clock stepped.
};

/// The outcome of a transaction, and so of the steps in it. Numbers as for `Kind`.
enum class Outcome : std::int64_t { pending = 1, committed, rolled_back, failed, unknown };

std::string_view name_of(Kind kind);
std::string_view name_of(Outcome outcome);
std::optional<Kind> kind_named(std::string_view name);
std::optional<Outcome> outcome_named(std::string_view name);

/// Which text acted: the converger's name and the SHA-256 of its definition, in hexadecimal.
struct DefinitionId {
  std::string name;
  std::string version;

  friend bool operator==(const DefinitionId&, const DefinitionId&) = default;
};

/// One entry to append; `seq`, `time`, actor, build and hashes are the journal's to add.
struct Entry {
  Kind kind{};
  std::optional<std::int64_t> pass = std::nullopt;  ///< The seq of the first entry of the pass.
  std::optional<DefinitionId> definition = std::nullopt;
  std::optional<std::int64_t> txn =
      std::nullopt;  ///< The seq of the `txn` entry that this one belongs to.
  std::optional<std::string> subject = std::nullopt;
  std::optional<std::string> label = std::nullopt;
  std::optional<std::int64_t> count = std::nullopt;
  std::optional<Outcome> outcome = std::nullopt;
  std::optional<std::string> detail = std::nullopt;  ///< A JSON object.
};

/// What is to be done outside the database for an inconsistency, see `Owed`.
struct PlannedOutside {
  std::string key;
  std::string row;
  std::int64_t step = 0;
};

/// One inconsistency of a transaction: `detail` is `{"steps":[{"title","count","changes"}]}`, with
/// `"planned":[{"title","key"}]` where steps outside the database are to follow.
struct Inconsistency {
  std::string subject;
  std::optional<std::string> label = std::nullopt;
  std::int64_t count = 0;  ///< Changes in all steps.
  std::string detail;
  std::optional<PlannedOutside> planned = std::nullopt;
};

using NextInconsistency = std::function<const Inconsistency*()>;

/// The server that a transaction id belongs to.
struct ServerIdentity {
  std::string system_identifier;
  std::int64_t timeline = 0;
  std::string incarnation = {};  ///< Another one after each recovery from a crash.

  friend bool operator==(const ServerIdentity&, const ServerIdentity&) = default;
};

/// A transaction that is about to commit.
struct Txn {
  std::string xid;  ///< PostgreSQL's xid8 in decimal.
  ServerIdentity server;
  std::string database;
};

/// A transaction whose outcome no entry tells yet.
struct Unsettled {
  std::int64_t seq = 0;
  std::optional<std::int64_t> pass;
  std::optional<DefinitionId> definition = std::nullopt;
  Txn txn;
  ProcessIdentity writer;
};

}  // namespace converge::journal
