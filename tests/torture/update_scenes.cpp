#include "tests/cli/agreement.h"
#include "tests/cli/publish_fixture.h"
#include "tests/cli/trial_fixture.h"
#include "tests/cli/update_fixture.h"
#include "tests/torture/kill_matrix.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>
#include <sys/stat.h>

namespace converge::tests {
namespace {

void install(const std::filesystem::path& program, const std::filesystem::path& path) {
  std::filesystem::remove(path);
  std::filesystem::copy_file(program, path);
  ::chmod(path.c_str(), 0755);
}

/// The debug twin, which is build 0, updates itself to build 102.
class UpdateScene : public Scene, private UpdatedHost {
 public:
  UpdateScene() : Scene("update") { release(102); }

  void begin_anew() override {
    std::filesystem::remove_all(journal.parent_path());
    std::filesystem::remove_all(binary.parent_path());
    std::filesystem::create_directory(binary.parent_path());
    install(debug_binary(), binary);
  }
  CommandResult act(const Environment& faults) override {
    Environment all = environment;
    for (const auto& [name, value] : faults) all[name] = value;
    return run_command({binary.string(), "update"}, {.environment = all});
  }
  std::string settle() override {
    const auto there = installed();
    const auto next = update();
    const auto told = history();
    const auto verified = call({"journal", "verify"});
    return unless(there == 0 || there == 102, fmt::format("build {} was there", there)) +
           unless(next.status == 0, "the next update: " + next.err) +
           unless(installed() == 102, "build 102 is not there") +
           unless(names() == Words{"converge", "converge.previous"}, "something is left over") +
           unless(std::count(told.begin(), told.end(), "installed 102") == 1, "not told once") +
           unless(verified.status == 0, verified.out + verified.err);
  }
};

/// A daemon of the debug twin, whose binary is replaced by build 102 under it.
class TrialScene : public Scene, private TrialHost {
 public:
  /// `fails`: build 102 dies in its first pass, which waits for that at its commit.
  TrialScene(const std::string& name, bool fails)
      : Scene(name), TrialHost("converge-debug", 0), fails_(fails) {
    guard_commits("new.account_id = 4");
  }

  void begin_anew() override {
    std::filesystem::remove_all(journal.parent_path());
    sql("update account set archived_at = null where archived_at is not null; truncate audit");
    dirty_again();
    archive_accounts("id <= 3");
    const auto lock = installation.lock(std::chrono::seconds(10));
    std::filesystem::remove(installation.previous());
    const auto fresh = directory / "fresh";
    install(built("converge-debug"), fresh);
    std::filesystem::rename(fresh, installation.path());
    updater::write_update_state(installation.state_file(), {});
  }
  CommandResult act(const Environment& faults) override {
    Service service(*this, kTrialSettings, faults);
    eventually([&] { return !service.is_running() || left_to_do() == "0"; });
    if (!service.is_running()) return service.wait();
    std::optional<Bystander> bystander;
    const Cli& cli = *this;
    if (fails_) bystander.emplace(cli, kCommitLock);
    archive_silently(4);
    put_in(built("converge-build-102"));
    if (fails_ && eventually([&] { return !service.is_running() || is_committing(); }) &&
        service.is_running()) {
      ::kill(wait_for_child(service), SIGKILL);
    }
    bystander.reset();
    eventually([&] { return !service.is_running() || is_over(service); });
    return service.is_running() ? service.stop() : service.wait();
  }
  std::string settle() override {
    std::string wrong;
    {
      Service service(*this, kTrialSettings);
      wrong += unless(eventually([&] { return !state().trial && left_to_do() == "0"; }),
                      "it does not go on: " + service.log());
      wrong += unless(service.stop().status == 0, "it does not end well: " + service.log());
    }
    // Until it was blamed, the next start tries it anew.
    const auto after = state();
    const bool stays = after.installed_build == 102;
    return wrong + disagreement(*this) +
           unless(holds(stays ? "converge-build-102" : "converge-debug"),
                  "another build is there") +
           unless(!after.trial, "the trial is not over") +
           unless(after.quarantined.empty() || (fails_ && !stays), "a good build is blamed");
  }

 private:
  bool is_committing() const {
    return sql("select count(*) from pg_stat_activity where datname = current_database() and "
               "application_name = 'converge' and wait_event = 'advisory'") != "0";
  }
  /// The trial has ended and the service goes on in the build that it ended with.
  bool is_over(Service& service) const {
    return !state().trial && left_to_do() == "0" &&
           runs(service.pid(), fails_ ? "converge-debug" : "converge-build-102");
  }

  bool fails_;
};

/// A channel that offers build 101, and a command that changes it.
class PublishScene : public Scene, private Publishing {
 public:
  PublishScene(const std::string& name, bool withdraws) : Scene(name), withdraws_(withdraws) {
    publish(of_build(101));
    before_ = tree();
  }

  void begin_anew() override {
    std::filesystem::remove_all(place);
    std::filesystem::create_directory(place);
    for (const auto& [file, content] : before_) {
      if (content.empty()) {
        std::filesystem::create_directories(place / file);
      } else {
        directory.write("releases" / std::filesystem::path(file), content);
      }
    }
  }
  CommandResult act(const Environment& faults) override {
    Words words = {debug_binary(), "publish"};
    const auto all = signed_with_key(command());
    words.insert(words.end(), all.begin(), all.end());
    auto with_faults = environment;
    for (const auto& [name, value] : faults) with_faults[name] = value;
    return run_command(words, {.environment = with_faults});
  }
  std::string settle() override {
    // Verified with all that it names, as a host does that asks just then.
    const auto meanwhile = offered("stable").seq;
    publish(command());
    const auto manifest = offered("stable");
    std::string wrong =
        unless(meanwhile == 1 || meanwhile == 2, "the channel is neither the old nor the new") +
        // A number that was signed before a death may have been seen, and is not used again.
        unless(manifest.seq == 2 || manifest.seq == 3, "not one release more") +
        unless(withdraws_ ? manifest.withdrawn.size() == 1 : manifest.build == 102, "not done");
    for (const auto& [file, content] : tree()) {
      wrong += unless(!file.ends_with(".part"), file + " is left");
    }
    return wrong;
  }

 private:
  Words command() const {
    if (withdraws_) return {"withdraw", target, "--channel", "stable", "--build", "101"};
    return of_build(102);
  }

  bool withdraws_;
  std::map<std::string, std::string> before_;
};

}  // namespace

Scenes update_scenes() {
  return {[] { return std::make_unique<UpdateScene>(); },
          [] { return std::make_unique<TrialScene>("trial, kept", false); },
          [] { return std::make_unique<TrialScene>("trial, taken back", true); },
          [] { return std::make_unique<PublishScene>("publish", false); },
          [] { return std::make_unique<PublishScene>("withdraw", true); }};
}

}  // namespace converge::tests
