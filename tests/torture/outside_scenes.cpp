#include "tests/cli/agreement.h"
#include "tests/support/state_machine.h"
#include "tests/torture/kill_matrix.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>

namespace converge::tests {
namespace {

/// Three subjects that are corrected, told of outside, and marked.
class OutsideScene : public Scene, protected Cli {
 public:
  /// `settings` of the step outside.
  OutsideScene(const std::string& name, const std::string& settings) : Scene(name) {
    environment["SERVICE"] = service_.url();
    environment["http_proxy"] = std::nullopt;
    sql("create table mark (id bigint generated always as identity, account_id bigint not null);"
        "create trigger audit after insert on mark for each row execute function audit()");
    define("archive", archiver("-- chunk: 2\n-- parallel: 2\n") +
                          "\n-- http: tell\n--   POST ${SERVICE}/accounts/{id}\n" + settings +
                          "\n-- step: mark\ninsert into mark (account_id) select id from subject "
                          "where not exists (select from mark where account_id = subject.id) "
                          "returning account_id, id as mark;\n");
    add_accounts(kAccounts);
    archive_accounts();
  }

  void begin_anew() override {
    std::filesystem::remove_all(journal.parent_path());
    dirty_again();
    sql("truncate audit; truncate mark");
    service_.stop();
    service_.start();
    prepare();
  }
  CommandResult act(const Environment& faults) override {
    Environment all = environment;
    for (const auto& [name, value] : faults) all[name] = value;
    return run_command({debug_binary(), "run", "archive", "--wait", "20s"}, {.environment = all});
  }
  std::string settle() override {
    const auto result = call({"run", "archive", "--wait", "20s"});
    const auto accounts = std::to_string(kAccounts);
    return unless(result.status == 0, result.err) +
           unless(left_to_do() == "0", left_to_do() + " left to do") +
           unless(sql("select count(*) from mark") == accounts, "not all are marked, once") +
           unless(std::to_string(service_.counts().effects) == accounts, "effects lost or twice") +
           disagreement(*this) + disagreement_outside(*this, service_, "mark");
  }

 protected:
  virtual void prepare() {}

 private:
  static constexpr int kAccounts = 3;
  StateMachine service_;
};

/// Who carries out what a killed one has left owing, and is killed as well.
class OwedScene : public OutsideScene {
 public:
  OwedScene(const std::string& name, std::string death)
      : OutsideScene(name, ""), death_(std::move(death)) {}

 protected:
  void prepare() override { die_at(death_, {"run", "archive"}); }

 private:
  std::string death_;
};

}  // namespace

Scenes outside_scenes() {
  return {
      [] { return std::make_unique<OutsideScene>("outside", ""); },
      [] { return std::make_unique<OwedScene>("owed", "outside.before_attempt"); },
      [] { return std::make_unique<OwedScene>("owed, in doubt", "outside.after_call:2"); },
  };
}

}  // namespace converge::tests
