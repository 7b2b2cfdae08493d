#include "src/cli/journal_upkeep.h"

#include "journal/backup.h"
#include "journal/extent.h"
#include "journal/prune.h"
#include "journal/reader.h"
#include "journal/redact.h"
#include "journal/settle.h"
#include "src/base/clock.h"
#include "src/base/process.h"
#include "src/base/text.h"
#include "src/base/time_expression.h"
#include "src/cli/history.h"
#include "src/cli/output.h"
#include "src/cli/progress.h"

#include <fmt/core.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace converge::cli {

namespace {

/// How long `redact` waits for readers to get out of the way.
constexpr std::chrono::seconds kPatience{10};

std::filesystem::path journal_of(const Common& common) {
  return config::load(common.flags).journal;
}

std::string entries_of(std::int64_t count) { return counted(count, "entry", "entries"); }

/// A reason that is written into the journal for good.
std::string required_reason(const std::string& text) {
  std::string reason(trim(text));
  if (reason.empty()) {
    throw Error(ErrorKind::usage, "--reason is empty", "Say why: it is kept in the journal.");
  }
  return reason;
}

/// One bar for each of the stages, one after the other.
class StageProgress {
 public:
  journal::UpkeepProgress observer() {
    return [this](auto stage, auto done, auto total) {
      if (stage != stage_ || !bar_) {
        bar_.reset();
        bar_ = std::make_unique<Progress>(kTitles.at(stage));
        stage_ = stage;
      }
      bar_->show(done, total);
    };
  }

 private:
  inline static const std::map<journal::UpkeepStage, std::string> kTitles = {
      {journal::UpkeepStage::copying, "copying"},
      {journal::UpkeepStage::verifying, "verifying"},
      {journal::UpkeepStage::deleting, "deleting"}};
  journal::UpkeepStage stage_{};
  std::unique_ptr<Progress> bar_;
};

// head

int head(const Common& common) {
  const auto head = journal::extent_of(journal_of(common)).head;
  if (common.json()) {
    print(JsonObject().add("seq", head.seq).add("hash", head.hash).line());
  } else {
    print(fmt::format("{} {}\n", head.seq, head.hash));
  }
  return kDone;
}

// export

int export_all(const Common& common) {
  const auto file = journal_of(common);
  tell_what_was_pruned(file);
  journal::Reader reader(file);
  std::optional<std::int64_t> last;
  reader.newest({.newest = std::numeric_limits<std::int64_t>::max()},
                [&](const journal::StoredEntry& entry) {
                  if (last && entry.seq != *last + 1) {
                    throw Error(ErrorKind::failure,
                                fmt::format("entries {} to {} were pruned while this read the "
                                            "journal; the export ends before them",
                                            *last + 1, entry.seq - 1),
                                "Export again: what was pruned is in the archive.");
                  }
                  last = entry.seq;
                  print(entry_json(entry));
                });
  return kDone;
}

// backup

int backup(const std::string& target, const Common& common) {
  journal::Verification found;
  {
    StageProgress progress;
    found = journal::backup(journal_of(common), target, progress.observer());
  }
  if (common.json()) {
    print(JsonObject()
              .add("file", target)
              .add("entries", found.entries)
              .add("head_seq", found.head_seq)
              .add("head_hash", found.head_hash)
              .line());
  } else {
    print(fmt::format("{}: {}, verified, head {} {}\n", printable(target),
                      entries_of(found.entries), found.head_seq, found.head_hash));
  }
  return kDone;
}

// prune

struct PruneRequest {
  std::string before;
  std::string archive;
};

std::int64_t time_before(const std::string& text) {
  const auto now_us = wall_time_us();
  const auto before_us = time_given("--before", text, now_us).first_us;
  if (before_us > now_us) {
    throw Error(ErrorKind::usage,
                fmt::format("--before: {} is in the future", format_local(before_us)),
                "Name a time that is past, such as -400d: what is older is moved.");
  }
  return before_us;
}

void print_pruning(const journal::Pruning& pruning, const PruneRequest& request,
                   std::int64_t before_us, const Common& common) {
  if (!pruning.held_back.empty()) {
    print_notice(fmt::format("some entries that are old enough stay: {}", pruning.held_back));
  }
  if (!pruning.space_kept.empty()) {
    print_notice("not all space was given back: " + pruning.space_kept);
  }
  if (common.json()) {
    JsonObject line;
    line.add("entries", pruning.entries);
    if (pruning.entries > 0) {
      line.add("first_seq", pruning.first_seq)
          .add("last_seq", pruning.last.seq)
          .add("hash", pruning.last.hash)
          .add("archive", request.archive);
    }
    print(line.line());
  } else if (pruning.entries == 0) {
    print(fmt::format("nothing older than {} to prune\n", format_local(before_us)));
  } else {
    print(fmt::format("{}: {} ({} to {}) moved there, verified, last {}\n",
                      printable(request.archive), entries_of(pruning.entries), pruning.first_seq,
                      pruning.last.seq, pruning.last.hash));
  }
}

int prune(const PruneRequest& request, const Common& common) {
  const auto file = journal_of(common);
  const auto before_us = time_before(request.before);
  journal::Pruning pruning;
  {
    StageProgress progress;
    pruning =
        journal::prune(file, current_actor(), before_us, request.archive, progress.observer());
  }
  print_pruning(pruning, request, before_us, common);
  return kDone;
}

// redact

struct RedactRequest {
  std::string subject;
  std::optional<std::string> converger;
  std::string reason;
};

int redact(const RedactRequest& request, const Common& common) {
  const auto file = journal_of(common);
  const auto done = journal::redact(file, current_actor(), request.subject, request.converger,
                                    required_reason(request.reason), kPatience);
  if (common.json()) {
    print(JsonObject()
              .add("subject", request.subject)
              .add("converger", request.converger)
              .add("entries", done.entries)
              .add("seq", done.seq == 0 ? std::nullopt : std::optional(done.seq))
              .line());
  } else if (done.entries == 0) {
    print(fmt::format("{}: nothing is left to redact\n", printable(request.subject)));
  } else {
    print(fmt::format("{}: {} redacted, as entry {} says\n", printable(request.subject),
                      entries_of(done.entries), done.seq));
  }
  if (const auto extent = journal::extent_of(file); !extent.archives.empty()) {
    tell_what_was_pruned(file);
    print_notice("archives and backups are files of their own: redact there with --journal FILE");
  }
  if (done.gone) return kDone;
  throw Error(ErrorKind::failure,
              fmt::format("what was redacted is still in {}-wal: readers were in the way of "
                          "clearing that for {}",
                          file.string(), format_duration(kPatience)),
              "Run the same command again when they are done.");
}

// settle

struct SettleRequest {
  std::int64_t txn = 0;
  std::string outcome;
  std::string reason;
};

int settle(const SettleRequest& request, const Common& common) {
  const auto outcome = journal::outcome_named(request.outcome).value_or(journal::Outcome::unknown);
  const auto seq = journal::settle(journal_of(common), current_actor(), request.txn, outcome,
                                   required_reason(request.reason));
  if (common.json()) {
    print(JsonObject()
              .add("txn", request.txn)
              .add("outcome", request.outcome)
              .add("seq", seq)
              .line());
  } else {
    print(fmt::format("transaction {}: settled as {}, as entry {} says\n", request.txn,
                      request.outcome, seq));
  }
  return kDone;
}

/// The subcommands and what runs them.
using Actions = std::vector<std::pair<const CLI::App*, std::function<int()>>>;

void add_reading(CLI::App& app, const Common& common, Actions& actions) {
  CLI::App* of_head = app.add_subcommand("head", "print SEQ HASH of the newest entry");
  of_head->footer("\nKept elsewhere, it shows later that nobody rewrote the journal.");
  actions.emplace_back(of_head, [&common] { return head(common); });

  CLI::App* of_export = app.add_subcommand("export", "print every entry as JSON, oldest first");
  of_export->footer("\nExamples:\n  converge journal export | zstd > journal.jsonl.zst");
  actions.emplace_back(of_export, [&common] { return export_all(common); });

  CLI::App* of_backup = app.add_subcommand("backup", "copy the journal while others write it");
  const auto target = std::make_shared<std::string>();
  of_backup->add_option("FILE", *target, "the copy; must not exist")->required();
  of_backup->footer("\nExamples:\n  converge journal backup /backup/journal-$(date +%F).db");
  actions.emplace_back(of_backup, [target, &common] { return backup(*target, common); });
}

void add_prune(CLI::App& app, const Common& common, Actions& actions) {
  CLI::App* sub = app.add_subcommand("prune", "move the oldest entries into an archive");
  const auto request = std::make_shared<PruneRequest>();
  sub->add_option("--before", request->before, "move what is older, as a whole")
      ->type_name("TIME")
      ->required();
  sub->add_option("--archive", request->archive, "a journal of its own; must not exist")
      ->type_name("FILE")
      ->required();
  sub->footer(
      "\nInterrupted, the same command goes on where it was.\n\n"
      "Examples:\n"
      "  converge journal prune --before -400d --archive /archive/2025.db\n"
      "  converge --journal /archive/2025.db journal verify");
  actions.emplace_back(sub, [request, &common] { return prune(*request, common); });
}

void add_redact(CLI::App& app, const Common& common, Actions& actions) {
  CLI::App* sub = app.add_subcommand("redact", "erase the details of a subject's entries");
  const auto request = std::make_shared<RedactRequest>();
  sub->add_option("--subject", request->subject, "the key of the subject")
      ->type_name("KEY")
      ->required();
  sub->add_option("--reason", request->reason, "why; kept in the journal")
      ->type_name("TEXT")
      ->required();
  sub->add_option("--converger", request->converger, "only entries of this converger")
      ->type_name("NAME");
  sub->footer(
      "\nThe entries stay, with their keys and labels, and the chain still verifies.\n\n"
      "Examples:\n"
      "  converge journal redact --subject 42 --reason 'erasure request 2026-17'");
  actions.emplace_back(sub, [request, &common] { return redact(*request, common); });
}

void add_settle(CLI::App& app, const Common& common, Actions& actions) {
  CLI::App* sub = app.add_subcommand("settle", "say how a transaction ended that is unknown");
  const auto request = std::make_shared<SettleRequest>();
  sub->add_option("TXN", request->txn, "the seq of the transaction's entry")->required();
  sub->add_option("OUTCOME", request->outcome, "committed or rolled_back")
      ->check(CLI::IsMember({"committed", "rolled_back"}))
      ->required();
  sub->add_option("--reason", request->reason, "how you know; kept in the journal")
      ->type_name("TEXT")
      ->required();
  sub->footer(
      "\nExamples:\n"
      "  converge journal settle 1234 committed --reason 'seen in the replica'");
  actions.emplace_back(sub, [request, &common] { return settle(*request, common); });
}

}  // namespace

std::function<std::optional<int>()> add_journal_upkeep(CLI::App& app, const Common& common) {
  Actions actions;
  add_reading(app, common, actions);
  add_prune(app, common, actions);
  add_redact(app, common, actions);
  add_settle(app, common, actions);
  return [actions]() -> std::optional<int> {
    for (const auto& [sub, action] : actions) {
      if (sub->parsed()) return action();
    }
    return std::nullopt;
  };
}

void tell_what_was_pruned(const std::filesystem::path& journal) {
  const auto extent = journal::extent_of(journal);
  if (extent.pruned_seq == 0) return;
  std::map<std::filesystem::path, std::vector<std::filesystem::path>> by_directory;
  for (const auto& archive : extent.archives) {
    by_directory[archive.file.parent_path()].push_back(archive.file);
  }
  std::string where;
  for (const auto& [directory, files] : by_directory) {
    where += where.empty() ? "" : ", ";
    where += files.size() == 1
                 ? printable(files.front().string())
                 : fmt::format("{} archives in {}", files.size(), printable(directory.string()));
  }
  print_notice(fmt::format(
      "the journal is complete since {} (entry {}); older entries are in {}",
      extent.first_time_us ? format_local(*extent.first_time_us) : std::string("now"),
      extent.pruned_seq + 1, where.empty() ? std::string("no archive that it knows of") : where));
}

}  // namespace converge::cli
