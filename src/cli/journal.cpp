#include "journal/reader.h"
#include "src/cli/command.h"
#include "src/cli/history.h"
#include "src/cli/output.h"

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
  const auto check = define_journal_verify(app, common);
  app.require_subcommand(0, 1);
  return [filter, check, &common] {
    if (check.app->parsed()) return check.run();
    // Transactions and their outcomes are told with the inconsistencies they settle.
    filter->bookkeeping = common.json();
    return read(*filter, common);
  };
}

}  // namespace converge::cli
