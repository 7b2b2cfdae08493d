#include "tests/torture/kill_matrix.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <filesystem>

namespace converge::tests {
namespace {

/// A journal of two times, the same one each time.
class UpkeepScene : public Scene, protected Cli {
 public:
  UpkeepScene(const std::string& name, Words command) : Scene(name), command_(std::move(command)) {
    define("archive", archiver(""));
    add_accounts(kOld + 20);
    correct("archive", fmt::format("id <= {}", kOld));
    const auto seconds = ask_journal("select max(time_us) / 1000000 + 1 from entry");
    BOOST_REQUIRE(eventually(
        [&] { return sql("select extract(epoch from clock_timestamp()) > " + seconds) == "t"; }));
    correct("archive", fmt::format("id > {}", kOld));
    before_ = exported(journal);
    for (auto& word : command_) {
      if (word == "TIME") word = "@" + seconds;
      if (word == "FILE") word = file_;
    }
    std::filesystem::copy(journal.parent_path(), saved_);
  }

  void begin_anew() override {
    std::filesystem::remove_all(file_.parent_path());
    std::filesystem::create_directory(file_.parent_path());
    std::filesystem::remove_all(journal.parent_path());
    std::filesystem::copy(saved_, journal.parent_path());
    std::filesystem::permissions(journal.parent_path(), std::filesystem::perms::owner_all);
  }
  CommandResult act(const Environment& faults) override {
    Environment all = environment;
    for (const auto& [name, value] : faults) all[name] = value;
    Words words = {debug_binary()};
    words.insert(words.end(), command_.begin(), command_.end());
    return run_command(words, {.environment = all});
  }

 protected:
  std::string exported(const std::filesystem::path& from) const {
    return call({"--journal", from.string(), "journal", "export"}).out;
  }
  std::string verified(const std::filesystem::path& which) const {
    const auto result = call({"--journal", which.string(), "journal", "verify"});
    return unless(result.status == 0, which.string() + ": " + result.out + result.err);
  }
  /// The same command again, which has to end well.
  std::string again() const {
    const auto result = call(command_);
    return unless(result.status == 0, "again: " + result.err);
  }
  /// Nothing that is half made is left beside the file.
  std::string alone() const {
    std::string wrong;
    for (const auto& entry : std::filesystem::directory_iterator(file_.parent_path())) {
      if (entry.path().string().starts_with(file_.string() + ".")) {
        wrong += entry.path().string() + " is left\n";
      }
    }
    return wrong;
  }

  /// More than is copied or deleted at a time.
  static constexpr int kOld = 9'000;
  std::string before_;  ///< All that was in the journal.
  std::filesystem::path file_ = directory / "made" / "file.db";

 private:
  Words command_;
  std::filesystem::path saved_ = directory / "saved";
};

/// What was moved is in the archive, what was not is in the journal, and nothing is lost.
class PruneScene : public UpkeepScene {
 public:
  PruneScene()
      : UpkeepScene("prune", {"journal", "prune", "--before", "TIME", "--archive", "FILE"}) {}

  std::string settle() override {
    auto wrong = verified(journal);
    wrong += again();
    const auto archived = exported(file_);
    const auto all = archived + exported(journal);
    return wrong + verified(journal) + verified(file_) + alone() +
           unless(all.starts_with(before_), "entries are lost or in both") +
           unless(lines(all).size() == lines(before_).size() + 1, "not one prune entry") +
           unless(ask_journal("select count(*) from archive") == "1", "not one archive on record");
  }
};

class BackupScene : public UpkeepScene {
 public:
  BackupScene() : UpkeepScene("backup", {"journal", "backup", "FILE"}) {}

  std::string settle() override {
    // One that has its name is complete.
    auto wrong = std::filesystem::exists(file_) ? "" : again();
    return wrong + verified(file_) + verified(journal) + alone() +
           unless(exported(file_) == before_, "the copy is another") +
           unless(exported(journal) == before_, "the journal has changed");
  }
};

class RedactScene : public UpkeepScene {
 public:
  RedactScene()
      : UpkeepScene("redact", {"journal", "redact", "--subject", "7", "--reason", "request 17"}),
        detail_(ask_journal("select detail from inconsistency where subject = '7'")) {}

  std::string settle() override {
    auto wrong = verified(journal);
    wrong += again();
    wrong += verified(journal);
    for (const auto& entry : std::filesystem::directory_iterator(journal.parent_path())) {
      wrong += unless(!contains(read_text(entry.path()), detail_),
                      entry.path().string() + " still has it");
    }
    return wrong +
           unless(ask_journal("select count(*) from entry where kind = 15") == "1", "not once");
  }

 private:
  std::string detail_;
};

}  // namespace

Scenes upkeep_scenes() {
  return {[] { return std::make_unique<PruneScene>(); },
          [] { return std::make_unique<BackupScene>(); },
          [] { return std::make_unique<RedactScene>(); }};
}

}  // namespace converge::tests
