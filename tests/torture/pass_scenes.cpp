#include "tests/cli/agreement.h"
#include "tests/cli/daemon_fixture.h"
#include "tests/torture/kill_matrix.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>

namespace converge::tests {
namespace {

constexpr int kAccounts = 6;

/// Six archived accounts and a converger; the journal is a new one each time.
class PassScene : public Scene, protected Cli {
 public:
  PassScene(const std::string& name, const std::string& settings) : Scene(name) {
    define("archive", archiver(settings));
    add_accounts(kAccounts);
    archive_accounts();
  }

  void begin_anew() override {
    std::filesystem::remove_all(journal.parent_path());
    dirty_again();
    sql("truncate audit");
    prepare();
  }
  CommandResult act(const Environment& faults) override {
    Environment all = environment;
    for (const auto& [name, value] : faults) all[name] = value;
    auto words = command();
    words.insert(words.begin(), debug_binary());
    return run_command(words, {.environment = all});
  }
  std::string settle() override { return run_to_the_end(); }

 protected:
  virtual void prepare() {}
  virtual Words command() const { return {"run", "archive", "--wait", "20s"}; }

  /// The next command: it settles what was in flight and corrects the rest.
  std::string run_to_the_end(int status = 0, const std::string& left = "0") const {
    const auto result = call({"run", "archive", "--wait", "20s"});
    return unless(result.status == status,
                  "the next run ended with " + std::to_string(result.status) + result.err) +
           unless(left_to_do() == left, left_to_do() + " left to do") + disagreement(*this);
  }
};

/// A set that was held and then released goes through once, whoever died of it.
class ReleasedScene : public PassScene {
 public:
  explicit ReleasedScene(const std::string& name) : PassScene(name, "-- chunk: 2\n-- limit: 2\n") {}

  std::string settle() override {
    auto wrong = run_to_the_end();
    dirty_again();
    const auto result = call({"run", "archive", "--wait", "20s"});
    return wrong + unless(result.status == 3, "it was let through a second time") +
           unless(left_to_do() == std::to_string(3 * kAccounts), "more was corrected");
  }

 protected:
  void prepare() override {
    digest_ = member(call({"run", "archive", "-o", "json"}).out, "digest");
    BOOST_REQUIRE(call({"release", "archive", digest_}).status == 0);
  }

 private:
  std::string digest_;
};

/// One subject cannot be corrected, and is found in halves; it stops nobody else.
class BadSubjectScene : public PassScene {
 public:
  BadSubjectScene() : PassScene("bad subject", "-- chunk: 4\n") {
    sql("create function refuse() returns trigger language plpgsql as $$ begin "
        "raise exception 'not this one'; end $$;"
        "create trigger refuse before update on cluster for each row "
        "when (new.account_id = 3 and new.archived_at is not null) execute function refuse()");
  }
  std::string settle() override {
    const auto result = call({"run", "archive", "--wait", "20s"});
    auto wrong = unless(result.status <= 1, result.err) +
                 unless(left_to_do() == "3", left_to_do() + " left to do") + disagreement(*this) +
                 unless(ask_journal("select subject from quarantine") == "3", "no quarantine");
    sql("alter table cluster disable trigger refuse");
    call({"retry", "archive", "--all"});
    wrong += run_to_the_end();
    sql("alter table cluster enable trigger refuse");
    return wrong;
  }
};

/// Who comes after one that was killed, and is killed as well.
class RecoveryScene : public PassScene {
 public:
  RecoveryScene(const std::string& name, std::string death)
      : PassScene(name, "-- chunk: 2\n-- parallel: 2\n"), death_(std::move(death)) {}

 protected:
  void prepare() override { die_at(death_, {"run", "archive"}); }

 private:
  std::string death_;
};

/// A person's word is in the journal or not, and repeating it is enough.
class PauseScene : public PassScene {
 public:
  PauseScene() : PassScene("pause", "") {}
  std::string settle() override {
    call({"run", "archive"});
    const auto corrected = left_to_do() == "0";
    const bool paused = ask_journal("select count(*) from pause") == "1";
    auto wrong = unless(paused || corrected, "neither paused nor run");
    call({"pause", "archive", "--reason", "x"});
    wrong += unless(call({"resume", "archive", "--reason", "x"}).status == 0, "no resume");
    return wrong + run_to_the_end();
  }

 protected:
  Words command() const override { return {"pause", "archive", "--reason", "x"}; }
};

/// The same passes in a daemon, which is then started anew.
class DaemonScene : public PassScene {
 public:
  DaemonScene() : PassScene("daemon", "-- every: 1h\n-- chunk: 2\n-- parallel: 2\n") {}

  CommandResult act(const Environment& faults) override { return serve(debug_binary(), faults); }
  std::string settle() override {
    const auto result = serve(binary_, {});
    return unless(result.status == 0, "the next daemon: " + result.err) +
           unless(left_to_do() == "0", left_to_do() + " left to do") + disagreement(*this);
  }

 private:
  CommandResult serve(const std::string& program, const Environment& more) {
    binary = program;
    Service service(*this, kQuiet, more);
    eventually([&] {
      return !service.is_running() ||
             (left_to_do() == "0" && ask_journal("select count(*) from unsettled") == "0");
    });
    auto result = service.is_running() ? service.stop() : service.wait();
    binary = binary_;
    return result;
  }

  std::string binary_ = binary;
};

template <typename... Arguments>
std::function<std::unique_ptr<Scene>()> pass(Arguments... arguments) {
  return [=] { return std::make_unique<PassScene>(arguments...); };
}

}  // namespace

Scenes pass_scenes() {
  return {
      pass("one chunk", ""),
      pass("chunks", "-- chunk: 2\n"),
      pass("chunks at once", "-- chunk: 2\n-- parallel: 2\n"),
      pass("limit", "-- chunk: 2\n-- limit: 1000\n"),
      pass("shards", "-- chunk: 2\n-- shards: 2\n"),
      [] { return std::make_unique<ReleasedScene>("released"); },
      [] { return std::make_unique<BadSubjectScene>(); },
      [] { return std::make_unique<RecoveryScene>("recovery, committed", "pass.after_commit"); },
      [] {
        return std::make_unique<RecoveryScene>("recovery, rolled back", "pass.after_append:2");
      },
      [] { return std::make_unique<PauseScene>(); },
      [] { return std::make_unique<DaemonScene>(); }};
}

}  // namespace converge::tests
