#include "journal/settle.h"

#include "journal/upkeep.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

namespace converge::journal {
namespace {

/// The outcome entry, as the transaction's own entry has it; throws where nobody may settle it.
Entry outcome_entry(Writer& writer, std::int64_t txn) {
  SQLite::Statement row(writer.database(),
                        "select e.kind, e.pass, d.name, d.version, e.txn, (select pruned_seq from"
                        " chain) from entry e left join definition d on d.id = e.definition"
                        " where e.seq = ?");
  row.bind(1, txn);
  if (!row.executeStep()) {
    const auto pruned = writer.database().execAndGet("select pruned_seq from chain").getInt64();
    throw Error(ErrorKind::usage, fmt::format("the journal has no entry {}", txn),
                txn > 0 && txn <= pruned
                    ? "It is in an archive, where nothing is settled any more."
                    : "`converge journal -o json` shows the transaction of each entry as `txn`.");
  }
  const auto kind = static_cast<Kind>(row.getColumn(0).getInt64());
  if (kind != Kind::txn && kind != Kind::attempt) {
    throw Error(ErrorKind::usage,
                fmt::format("entry {} is no transaction but: {}", txn, name_of(kind)),
                row.getColumn(4).isNull()
                    ? std::string()
                    : fmt::format("It belongs to transaction {}.", row.getColumn(4).getInt64()));
  }
  Entry entry{.kind = Kind::outcome, .txn = txn};
  if (!row.getColumn(1).isNull()) {
    entry.pass = row.getColumn(1).getInt64();
  }
  if (!row.getColumn(2).isNull()) {
    entry.definition = DefinitionId{row.getColumn(2).getString(), row.getColumn(3).getString()};
  }
  return entry;
}

void require_unknown(const std::optional<Outcome>& outcome, std::int64_t txn) {
  if (!outcome) {
    throw Error(ErrorKind::usage, fmt::format("transaction {} is pending", txn),
                "The next command that acts asks the server how it ended; only what the server "
                "cannot tell is for a person to settle.");
  }
  if (outcome != Outcome::unknown) {
    throw Error(ErrorKind::usage,
                fmt::format("transaction {} has an outcome already: {}", txn, name_of(*outcome)));
  }
}

}  // namespace

std::int64_t settle(const std::filesystem::path& file, const std::string& actor, std::int64_t txn,
                    Outcome outcome, const std::string& reason) {
  if (outcome != Outcome::committed && outcome != Outcome::rolled_back) {
    throw Error(ErrorKind::usage,
                fmt::format("a transaction is not settled as {}", name_of(outcome)),
                "It was committed or rolled_back.");
  }
  std::int64_t seq = 0;
  Upkeep(file, actor).write([&](Writer& writer) {
    auto entry = outcome_entry(writer, txn);
    require_unknown(writer.outcome_of(txn), txn);
    entry.outcome = outcome;
    entry.detail = fmt::format(R"({{"reason":{}}})", json_string(reason));
    seq = writer.append(entry, wall_time_us());
  });
  return seq;
}

}  // namespace converge::journal
