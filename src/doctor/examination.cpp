#include "src/doctor/examination.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/doctor/bounded.h"
#include "src/doctor/journal_file.h"
#include "src/doctor/rights.h"
#include "src/doctor/server.h"
#include "src/doctor/settings.h"
#include "src/doctor/updates.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace converge::doctor {

namespace {

constexpr std::chrono::milliseconds kConnect{5'000};
/// Above what the server and libpq give up after by themselves, so that their words are told.
constexpr std::chrono::milliseconds kLimit{12'000};

/// What the checks learn and share. Shared with the threads of those that are given up.
struct Host {
  config::Config config;
  bool readable = false;  ///< The configuration.
  std::shared_ptr<convergers::Registry> registry;
  std::shared_ptr<postgres::Session> session;
  postgres::Wire wire;

  postgres::ConnectOptions options() const {
    return {.url = config.database_url,
            .environment_first = config.url_from_file,
            .connect_timeout = std::min(config.connect_timeout, kConnect),
            .lock_timeout = config.lock_timeout};
  }
  bool listens() const {
    return registry &&
           std::any_of(registry->convergers.begin(), registry->convergers.end(),
                       [](const auto& one) { return !one->profile().settings.listen.empty(); });
  }
};

class Examination {
 public:
  Examination(const config::Flags& flags, const Tell& tell) : flags_(flags), tell_(tell) {}

  bool run() {
    check("configuration", [flags = flags_](Host& host) {
      return check_configuration(flags, host.config, host.readable);
    });
    check("definitions", [](Host& host) { return check_definitions(host.config, host.registry); });
    check_database();
    check("journal", [](Host& host) { return check_journal(host.config); });
    check("space", [](Host& host) { return check_space(host.config); });
    check("integrity", [](Host& host) { return check_integrity(host.config); });
    check("unfinished",
          [](Host& host) { return check_unfinished(host.config, host.registry.get()); });
    check("build", [](Host&) { return check_build(); });
    if (host_->readable) check("update", [](Host& host) { return check_update(host.config); });
    return stuck_;
  }

 private:
  using Check = std::function<Findings(Host&)>;

  /// Whether it came to its end.
  bool check(const std::string& name, Check check) {
    const auto host = host_;
    const auto findings = std::make_shared<Findings>();
    const bool ended = ends_within(kLimit, [host, findings, name, check = std::move(check)] {
      try {
        *findings = check(*host);
      } catch (const Error& error) {
        *findings = {failed(name, error)};
      } catch (const std::exception& error) {
        *findings = {failed(name, Error(ErrorKind::failure, error.what()))};
      }
    });
    if (!ended) {
      give_up(name);
      return false;
    }
    for (const Finding& finding : *findings) tell_(finding);
    return true;
  }

  static Finding failed(const std::string& name, const Error& error) {
    const std::string message = error.what();
    return {.check = name,
            .verdict = Verdict::bad,
            .message = printable(message.substr(0, message.find('\n'))),
            .remedy = error.hint()};
  }

  /// Its thread has what `host_` points to from now on; the others get a copy without a session.
  void give_up(const std::string& name) {
    stuck_ = true;
    tell_({.check = name,
           .verdict = Verdict::bad,
           .message = fmt::format("no answer within {}", format_duration(kLimit)),
           .remedy = "Something accepts the question and does not answer: look at the server, at "
                     "what is in between (a pooler, a firewall), or at the disk."});
    host_ = std::make_shared<Host>(Host{.config = config_,
                                        .readable = host_->readable,
                                        .registry = registry_,
                                        .session = nullptr,
                                        .wire = {}});
  }

  void check_database() {
    // What a thread that is given up may still use is not looked at any more.
    config_ = host_->config;
    registry_ = host_->registry;
    const bool answered = check("database", [](Host& host) -> Findings {
      host.session = std::make_shared<postgres::Session>(host.options());
      return {{.check = "database", .message = host.session->server().place}};
    });
    if (!answered || !host_->session) {
      tell_({.check = "server",
             .verdict = Verdict::warning,
             .message = "not checked, nor tls, pooling, listen, connections, clock and rights",
             .remedy = "See to the database first."});
      return;
    }
    ask("server", [](Host& host) { return check_server(*host.session); });
    ask("tls", [](Host& host) -> Findings {
      host.wire = postgres::look_at_wire(host.options());
      return {judge_wire(host.wire)};
    });
    ask("pooling",
        [](Host& host) { return check_pooling(*host.session, host.options(), host.wire.pooled); });
    ask("listen", [](Host& host) { return check_listen(*host.session, host.listens()); });
    ask("connections", [](Host& host) { return check_connections(*host.session, host.config); });
    ask("clock", [](Host& host) { return check_clock(*host.session); });
    ask("rights", [](Host& host) { return check_all_rights(host); });
  }

  /// As `check`, of a server that still answers.
  void ask(const std::string& name, Check question) {
    if (!host_->session) {
      tell_({.check = name,
             .verdict = Verdict::warning,
             .message = "not checked: the server stopped answering",
             .remedy = "See to the database first."});
      return;
    }
    if (check(name, std::move(question)) && !host_->session->is_open()) host_->session.reset();
  }

  static Findings check_all_rights(Host& host) {
    Findings findings;
    if (!host.registry) return findings;
    for (const auto& converger : host.registry->convergers) {
      auto more = check_rights(*host.session, *converger);
      findings.insert(findings.end(), more.begin(), more.end());
    }
    if (!findings.empty()) return findings;
    const auto count = static_cast<std::int64_t>(host.registry->convergers.size());
    if (count == 0) return findings;
    return {{.check = "rights",
             .message = fmt::format("{} may run every statement of {}", host.session->server().user,
                                    counted(count, "converger"))}};
  }

  const config::Flags& flags_;
  const Tell& tell_;
  std::shared_ptr<Host> host_ = std::make_shared<Host>();
  config::Config config_;
  std::shared_ptr<convergers::Registry> registry_;
  bool stuck_ = false;
};

}  // namespace

bool examine(const config::Flags& flags, const Tell& tell) {
  return Examination(flags, tell).run();
}

}  // namespace converge::doctor
