#include "src/daemon/daemon.h"

#include "journal/reader.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/process.h"
#include "src/base/text.h"
#include "src/base/version.h"
#include "src/daemon/survey.h"
#include "src/engine/recovery.h"
#include "src/engine/updating.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <unistd.h>
#include <utility>

namespace converge::daemon {

namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::seconds kLongestTakeOver{3600};

/// After a configuration that another build could not begin with.
constexpr std::chrono::seconds kLeaveAgain{10};

/// How long the link's thread may be in one call: connecting, then some statements.
constexpr std::chrono::seconds kLinkPatience{60};

postgres::ConnectOptions connect_options(const config::Config& config) {
  return {.url = config.database_url,
          .environment_first = config.url_from_file,
          .connect_timeout = config.connect_timeout,
          .lock_timeout = config.lock_timeout};
}

/// A build on trial is a child of the process that served before, which may not have been able to
/// write that it does so no more.
void require_alone(const std::filesystem::path& journal, bool on_trial) {
  const auto service = journal::Reader(journal).state().service;
  if (!service || service->process == this_process() || !is_alive(service->process)) return;
  if (on_trial && service->process.pid == ::getppid()) return;
  throw Error(ErrorKind::usage,
              fmt::format("a daemon already runs with the journal {}: process {}", journal.string(),
                          service->process.pid),
              "Stop it, or give this one a journal of its own with --journal.");
}

bool is_end(std::optional<int> signal) {
  switch (signal.value_or(0)) {
    case SIGTERM:
    case SIGINT:
      return true;
    default:
      return false;
  }
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// 0 where there is no such file.
std::int64_t size_bytes(const std::filesystem::path& file) {
  std::error_code unknown;
  const auto bytes = std::filesystem::file_size(file, unknown);
  return unknown ? 0 : static_cast<std::int64_t>(bytes);
}

void log_changes(const Changes& changes) {
  const auto tell = [](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    log(LogLevel::notice, what, {{"convergers", fmt::format("{}", fmt::join(names, ","))}});
  };
  tell("convergers added", changes.added);
  tell("convergers changed", changes.changed);
  tell("convergers removed", changes.removed);
  for (const convergers::Broken& broken : changes.broken) {
    std::vector<LogField> fields = {{"converger", broken.name}, {"error", broken.error.what()}};
    log(LogLevel::error, "a definition is broken; its last good version, if any, stays in force",
        fields);
  }
}

}  // namespace

Daemon::Daemon(config::Config config, const Surroundings& surroundings)
    : config_(std::move(config)),
      surroundings_(surroundings),
      notifier_(surroundings.notifier),
      since_us_(wall_time_us()),
      journal_(config_.journal, "daemon", [](const auto& text) { log(LogLevel::warning, text); }),
      pool_(connect_options(config_), config_.daemon.connections),
      troubles_([this](const auto& causes) { set_gate(causes); }),
      link_(connect_options(config_), events()),
      passes_({.pool = pool_,
               .journal = journal_,
               .link = link_,
               .metrics = metrics_,
               .failed = [this](const Error& error) { told_failure(error); },
               .ended =
                   [this](const auto& result) {
                     if (surroundings_.on_trial != nullptr) surroundings_.on_trial->ended(result);
                   }},
              config_.daemon.workers) {
  journal_.time_writes([this](auto duration) { metrics_.appended(duration); });
  require_alone(config_.journal, surroundings_.on_trial != nullptr);
  if (config_.update.automatic) engine::require_update_source(config_);
  log_changes(passes_.load(config_));
  troubles_.begin_quietly(Troubles::Cause::database, "connecting to the database");
  operators_.emplace(
      config_.journal,
      OperatorEvents{.names = [this] { return passes_.names(); },
                     .paused = [this](auto names) { link_.hold_back(std::move(names)); },
                     .let_go = [this](const auto& name) { passes_.wake(name); },
                     .owing = [this](const auto& names) { passes_.owe(names); }});
  if (!config_.daemon.status.empty()) {
    status_server_.emplace(
        StatusServerOptions{.address = config_.daemon.status,
                            .allow_remote = config_.daemon.status_public,
                            .journal = config_.journal},
        [this] { return overview(); }, metrics_);
  }
}

Daemon::~Daemon() { link_.stop(); }

LinkEvents Daemon::events() {
  LinkEvents events;
  events.recover = [this](LockConnection& connection) { recover(connection, passes_.is_idle()); };
  events.connected = [this] {
    pool_.clear();
    passes_.wake_all();
    troubles_.end(Troubles::Cause::database);
  };
  events.lost = [this](const Error& error) { troubles_.begin(Troubles::Cause::database, error); };
  events.notified = [this](const auto& channel, const auto& payload) {
    passes_.notified(channel, payload);
  };
  events.owns = [this](const Unit& unit, bool owned) { passes_.own(unit, owned); };
  return events;
}

int Daemon::recover(LockConnection& connection, bool own) {
  const auto session = pool_.lease();
  try {
    const int settled = engine::recover(
        journal_, connection.locks, *session,
        [](const auto& text) { log(LogLevel::warning, text); }, own);
    if (settled > 0) {
      log(LogLevel::notice, "recovered", {{"transactions", settled}});
    }
    return settled;
  } catch (const Error& error) {
    if (!session->is_open()) throw;
    told_failure(error);
    return 0;
  }
}

/// What dies beside this service, such as a `run` by hand, leaves its work to it: once it is
/// settled, what it owes is seen in the journal. What cannot be settled yet is asked about ever
/// more seldom.
void Daemon::take_over() {
  const auto held = link_.locks();
  if (!held || troubles_.has(Troubles::Cause::journal)) return;
  try {
    engine::give_up_attempts(journal_);
    if (Clock::now() < next_take_over_ || !engine::have_dead_left_any(journal_)) return;
    next_take_over_ = Clock::now() + pause_take_over_;
    pause_take_over_ = std::min(pause_take_over_ * 2, kLongestTakeOver);
    if (recover(*held, false) > 0) pause_take_over_ = kFirstTakeOver;
  } catch (const Error&) {
    // The server is gone, or the journal's disk is: whoever needs it tells that.
  }
}

/// Passes are begun, and convergers owned, only where their work could be recorded.
void Daemon::set_gate(const std::set<Troubles::Cause>& troubles) {
  link_.be_able(!troubles.contains(Troubles::Cause::journal));
  passes_.open(troubles.empty());
}

/// The journal itself tells best whether it can be written.
void Daemon::told_failure(const Error& error) {
  if (error.kind() == ErrorKind::failure && error.sqlstate().empty()) try_journal();
}

void Daemon::try_journal() {
  try {
    journal_.begin_service({.process = this_process(),
                            .since_us = since_us_,
                            .address = status_server_ ? status_server_->address() : ""});
    if (troubles_.has(Troubles::Cause::journal)) passes_.wake_all();
    troubles_.end(Troubles::Cause::journal);
  } catch (const Error& error) {
    troubles_.begin(Troubles::Cause::journal, error);
  }
}

void Daemon::begin() {
  try_journal();
  upkeep_.emplace(config_, journal_, [this] {
    // A journal that was lost, and begun anew, does not name this service yet.
    const bool is_named = operators_->state().service.has_value();
    if (!is_named || troubles_.has(Troubles::Cause::journal)) try_journal();
    take_over();
    surroundings_.put_in_order();
  });
  link_.start();
  if (!config_.update.automatic || surroundings_.installation == nullptr) return;
  updates_.emplace(Updates::Parts{.config = config_,
                                  .journal = journal_,
                                  .installation = *surroundings_.installation,
                                  .broken = [this] { return names_of_broken(); }});
}

std::vector<std::string> Daemon::names_of_broken() const {
  std::vector<std::string> names;
  for (const convergers::Broken& broken : passes_.broken()) names.push_back(broken.name);
  return names;
}

Daemon::End Daemon::run(Signals& signals, const ReadAgain& read_again) {
  begin();
  notifier_.ready();
  while (!reconfigured_ && !replaced_ && !stopping_) {
    answer(signals.wait(kTick), read_again);
    tick();
    leave(read_again);
  }
  drain(signals, read_again);
  if (stopping_) return End::stopped;
  return replaced_ ? End::replaced : End::reconfigured;
}

/// Makes place for another build that is in the place of this one.
void Daemon::leave(const ReadAgain& read_again) {
  if (stopping_ || Clock::now() < next_leave_ || !surroundings_.is_replaced()) return;
  try {
    read_again();
  } catch (const Error& error) {
    log(LogLevel::error, "another build is installed, and could not begin; this one goes on",
        {{"error", error.what()}, {"hint", error.hint()}});
    next_leave_ = Clock::now() + kLeaveAgain;
    return;
  }
  log(LogLevel::notice, "another build is installed; chunks in flight end, then it begins");
  notifier_.reloading();
  replaced_ = true;
}

void Daemon::answer(std::optional<int> signal, const ReadAgain& read_again) {
  if (is_end(signal)) stop();
  if (signal == SIGHUP && !stopping_) reload(read_again);
}

void Daemon::reload(const ReadAgain& read_again) {
  notifier_.reloading();
  try {
    const config::Config config = read_again();
    reconfigured_ = reconfigured_ || config != config_;
    if (!reconfigured_) log_changes(passes_.load(config_));
    log(LogLevel::notice, "configuration and definitions are read again");
  } catch (const Error& error) {
    log(LogLevel::error, "what was in force stays in force",
        {{"error", error.what()}, {"hint", error.hint()}});
  }
  if (!reconfigured_) notifier_.ready();
}

void Daemon::stop() {
  if (stopping_) {
    log(LogLevel::warning, "abandoning passes: recovery settles what was in flight",
        {{"passes", passes_.running().size()}});
    std::_Exit(kAbandoned);
  }
  stopping_ = true;
  log(LogLevel::notice, "stopping: chunks in flight end first");
  passes_.drain();  // Whoever is told may rely on it that nothing more is begun.
  notifier_.stopping();
}

/// Signals count as ever until all threads are done with what they are at.
void Daemon::drain(Signals& signals, const ReadAgain& read_again) {
  const auto until = [&](const auto& is_done) {
    while (!is_done()) {
      answer(signals.wait(std::chrono::milliseconds(5)), read_again);
      tick();
    }
  };
  passes_.drain();
  until([this] { return passes_.is_idle(); });
  std::atomic<bool> are_joined{false};
  const std::jthread joins([&] {
    link_.stop();
    updates_.reset();
    upkeep_.reset();
    are_joined = true;
  });
  until([&] { return are_joined.load(); });
  status_server_.reset();
  operators_.reset();
  try {
    journal_.flush();
    journal_.end_service();
  } catch (const Error& error) {
    log(LogLevel::error, "the last passes are not in the journal", {{"error", error.what()}});
  }
}

void Daemon::tick() {
  require_progress();
  tell_status();
  if (surroundings_.on_trial != nullptr && operators_) {
    surroundings_.on_trial->tick(passes_, operators_->state(),
                                 !troubles_.has(Troubles::Cause::database),
                                 !troubles_.has(Troubles::Cause::journal));
  }
  const auto interval = notifier_.watchdog_interval();
  if (interval && Clock::now() - told_alive_ >= *interval) {
    notifier_.alive();
    told_alive_ = Clock::now();
  }
}

/// A call that comes back neither by the server's deadlines nor by the network's cannot be ended
/// from outside: the process can, and recovery settles what it had in flight.
void Daemon::require_progress() {
  const auto now = Clock::now();
  std::string stuck;
  for (const auto& [unit, running] : passes_.running()) {
    if (now > running.deadline + config_.daemon.grace) stuck = "a pass of " + unit.converger;
  }
  if (now - link_.last_seen() > kLinkPatience + config_.daemon.grace) {
    stuck = "the connection that listens and holds locks";
  }
  if (stuck.empty()) return;
  const std::string text = stuck + " did not come back";
  log(LogLevel::error, text + "; ending, for the service manager to start anew",
      {{"status", static_cast<int>(kHung)}});
  notifier_.status(text);
  std::_Exit(kHung);
}

void Daemon::tell_status() {
  const std::string trouble = troubles_.text();
  const std::string text =
      trouble.empty() ? counted(static_cast<std::int64_t>(passes_.names().size()), "converger")
                      : "waiting: " + trouble;
  if (text == status_) return;
  status_ = text;
  notifier_.status(text);
}

Overview Daemon::overview() const {
  Overview overview;
  overview.trouble = troubles_.text();
  if (surroundings_.on_trial != nullptr) {
    overview.trial = fmt::format("Build {} is on trial", build_number());
  }
  overview.connected = !troubles_.has(Troubles::Cause::database);
  if (const auto held = link_.locks()) overview.server = held->session.server().place;
  overview.now_us = wall_time_us();
  overview.since_us = since_us_;
  overview.workers = config_.daemon.workers;
  overview.busy = static_cast<int>(passes_.running().size());
  overview.connections = config_.daemon.connections;
  overview.connections_in_use = pool_.in_use();
  overview.host = host_name();
  overview.actor = "daemon";
  overview.journal = config_.journal;
  overview.journal_bytes =
      size_bytes(config_.journal) + size_bytes(config_.journal.string() + "-wal");
  const journal::State state = operators_ ? operators_->state() : journal::State{};
  overview.journal_entries = operators_ ? operators_->head_seq() : 0;
  const bool able = overview.connected && !troubles_.has(Troubles::Cause::journal);
  overview.convergers = survey(passes_, state, overview.now_us, able);
  return overview;
}

}  // namespace converge::daemon
