#include "journal/reader.h"
#include "src/cli/command.h"
#include "src/cli/history.h"
#include "src/cli/journal_upkeep.h"
#include "src/cli/output.h"
#include "src/cli/progress.h"

#include <fmt/core.h>

#include <memory>

namespace converge::cli {

namespace {

/// Entries whose columns are aligned with each other; more are printed in further groups, so that a
/// journal of any size needs the memory of one.
constexpr std::size_t kAligned = 200;

int read(const journal::Filter& filter, const Common& common) {
  const config::Config config = config::load(common.flags);
  journal::Reader reader(config.journal);
  tell_what_was_pruned(config.journal);
  Table table;
  std::size_t rows = 0;
  reader.newest(filter, [&](const journal::StoredEntry& entry) {
    if (common.json()) {
      print(entry_json(entry));
      return;
    }
    table.add(describe_entry(entry));
    if (++rows % kAligned == 0) print(std::exchange(table, {}).text());
  });
  print(table.text());
  return kDone;
}

int verify(const Common& common) {
  const config::Config config = config::load(common.flags);
  journal::Reader reader(config.journal);
  tell_what_was_pruned(config.journal);
  Progress progress("verifying");
  const journal::Verification found =
      reader.verify([&](auto done, auto total) { progress.show(done, total); });
  progress.clear();
  if (common.json()) {
    JsonObject line;
    line.add("entries", found.entries)
        .add("verdict", found.broken_seq ? "broken" : "whole")
        .add("head_seq", found.head_seq)
        .add("head_hash", found.head_hash)
        .add("broken_seq", found.broken_seq);
    if (found.broken_seq) line.add("message", found.reason);
    print(line.line());
  } else if (!found.broken_seq) {
    print(fmt::format("{}: {} verified, head {} {}\n", styled(Style::good, "whole"),
                      counted(found.entries, "entry", "entries"), found.head_seq, found.head_hash));
  }
  if (!found.broken_seq) return kDone;
  throw Error(ErrorKind::failure,
              fmt::format("the journal is broken at entry {}: {}", *found.broken_seq, found.reason),
              "Somebody or something changed the file behind converge's back; keep a copy of it "
              "and compare it with a backup.");
}

}  // namespace

std::function<int()> define_journal(CLI::App& app, const Common& common) {
  const auto filter = std::make_shared<journal::Filter>();
  app.add_option("-n,--lines", filter->newest, "how many of the newest entries (default 20)")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--converger", filter->convergers, "only of this converger; repeatable")
      ->type_name("NAME");
  app.add_option("--subject", filter->subject, "only of the subject with this key")
      ->type_name("KEY");
  CLI::App* check =
      app.add_subcommand("verify", "recompute the hash chain; exit 1 if it is broken");
  check->footer("\nExamples:\n  converge journal verify\n  converge journal verify -o json");
  const auto upkeep = add_journal_upkeep(app, common);
  app.require_subcommand(0, 1);
  return [filter, check, upkeep, &common] {
    if (const auto status = upkeep()) return *status;
    if (check->parsed()) return verify(common);
    // Transactions and their outcomes are told with the inconsistencies they settle.
    filter->bookkeeping = common.json();
    return read(*filter, common);
  };
}

}  // namespace converge::cli
