#pragma once

#include "src/base/clock.h"
#include "src/base/error.h"
#include "updater/decision.h"
#include "updater/installation.h"
#include "updater/release_signature.h"
#include "updater/release_source.h"
#include "updater/update_state.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace converge::updater {

/// Something for the journal.
struct UpdateNote {
  std::string event;  ///< As `event` of an `update` entry, see converge-journal(5).
  std::int64_t build = 0;
  std::int64_t from = 0;
  std::optional<SignedRelease> release{};
  std::string why{};
  /// It is to be told unless the journal tells it already: a finding, or what a process that died
  /// has done.
  bool once = false;
};

struct UpdaterOptions {
  SourceOptions source{};
  std::vector<PublicKey> keys{};
  std::string channel = "stable";
  std::int64_t build = 0;  ///< Of the binary at the path of the installation.
  bool forced = false;     ///< As in `Situation`.
  /// How long a build on trial is waited for; nullopt: until somebody ends its trial, as a daemon
  /// does.
  std::optional<std::chrono::milliseconds> trial{};
  std::filesystem::path state_directory{};  ///< As for `machine_id`.
  /// Where checks are remembered by a user who cannot write beside the binary; empty: nowhere.
  std::filesystem::path cache{};
  std::chrono::milliseconds lock_wait{10'000};  ///< For another update to end.
};

/// What the journal tells of updates beside the floors: who loses the state file has it still.
struct UpdatePast {
  std::vector<QuarantinedBuild> quarantined;  ///< And not installed again since.
  std::int64_t installed = 0;                 ///< The last build that was put in, or back.
  std::int64_t previous = 0;                  ///< That was kept then; 0: none, or not known.
};

/// What the updater needs and does not know. Each may be empty; what they throw is thrown on.
struct UpdaterHooks {
  /// What the journal remembers beside the state file.
  std::function<std::map<std::string, Floors>()> floors{};
  std::function<UpdatePast()> past{};
  /// Writes the note into the journal, durably, and raises there what was seen.
  std::function<void(const UpdateNote&, const std::map<std::string, Floors>& seen)> note{};
  /// Tries the staged binary; throws when it must not be put in, `Error{transient}` when that is
  /// not known yet.
  std::function<void(const SignedRelease&, const std::filesystem::path& staged)> try_out{};
  DownloadProgress progress{};
};

/// The release that a channel offers, and what is to be done about it here.
struct Finding {
  SignedRelease release;
  Decision decision;
  std::optional<std::int64_t> wanted{};  ///< The build that a person asked for.
};

/// Another update of the installation is at work, and was for as long as was to be waited; or it
/// has replaced the binary of this process before that looked.
class UpdateBusy : public Error {
 public:
  explicit UpdateBusy(const Error& error) : Error(error) {}
};

/// It is done, and the note of it could not be written: the state keeps it until `settle` has told
/// it.
class NotJournaled : public Error {
 public:
  explicit NotJournaled(const Error& error) : Error(error) {}
};

/// What an update came to.
enum class Done {
  nothing,             ///< There was nothing to do.
  installed,           ///< The release's build is in, on trial.
  went_back,           ///< The previous build is in.
  replaced_meanwhile,  ///< Somebody else has put in another binary since this object was made.
};

/// Updates one installation: finds out what is offered, puts it in, and takes it back.
///
/// Everything that changes something happens under the installation's lock, and each step is
/// durable before the next. Killed anywhere, the path holds a complete build, and `settle`, which
/// all of these do first, brings the state and the journal to what has happened:
///
///     killed                                  the path holds   settle
///     before the trial is in the state        the old build    nothing
///     from there to the rename                the old build    drops the trial, or goes on with
///                                                              that of the old build
///     after the rename                        the new build    journals it; the trial goes on
///     in a rollback, before the rename        the new build    goes on with the rollback
///     in a rollback, after the rename         the old build    journals it
///
/// A rollback is meant where the build on trial is in quarantine.
///
/// For one thread at a time. Errors: `usage` for what the caller has to mend, such as a binary that
/// must not be replaced; `transient` for what may work later (`UpdateBusy`, for one); `failure` for
/// the rest. Each but `NotJournaled` leaves the old build at the path unless its message says
/// otherwise.
class Updater {
 public:
  Updater(Installation installation, UpdaterOptions options, UpdaterHooks hooks = {});

  const Installation& installation() const { return installation_; }
  UpdateState state() const;
  /// The same, with what the journal remembers beside it.
  UpdateState remembered() const { return with_journal(state()); }

  /// Asks the server once, within `budget`, and decides; `wanted` is a build that a person asked
  /// for. An answer that nothing has changed is decided upon the object that is remembered, which
  /// is verified again. Remembers what was found and when, and journals it once; where nothing but
  /// the time has changed, nothing is synced. A state file that this user cannot write is left.
  Finding check(std::chrono::milliseconds budget, std::optional<std::int64_t> wanted = {});

  /// What the last check found, decided upon anew; nullopt where there was none, of another server
  /// or channel, or signed by no key that is trusted now. Asks nobody and changes nothing.
  std::optional<Finding> known() const;
  /// When a server was last asked, with an answer or without; 0: never.
  std::int64_t last_check_us() const;

  /// Does what a finding says: `install` and `go_back`; anything else is `nothing`. The decision is
  /// made anew once the lock is there. After `installed`, what runs has to be started again.
  Done act(const Finding& finding);

  /// Puts the previous build back, and quarantines the present one: by hand, or because it has
  /// failed. Throws `Error{usage}` when there is none to go back to.
  void roll_back(const std::string& why);
  /// The present build has proven itself: ends its trial, and no lower build is installed from now
  /// on. False, and nothing is written, when it is not on trial.
  bool commit_trial();
  /// Counts a start of the present build, durably, unless it was announced, and journals the first.
  /// The trial as it is then; nullopt when it is not on trial. Throws `NotJournaled` after
  /// counting.
  std::optional<Trial> begin_trial();
  /// What the build before does of the present one, ahead of each start of it: such a start counts
  /// even where the build ends before anything of it can count. One that was started `kMostStarts`
  /// times is taken back instead, and so is one that is in quarantine already. Whether it was.
  /// Nothing happens when it is not on trial, or was not put in yet.
  bool announce_start();
  /// Takes a start back that a person ended.
  void end_start();
  /// The present build has failed its trial: it is quarantined, and the previous one put back,
  /// whatever a package manager says of the place. False, and nothing happens, when it is not on
  /// trial: somebody else has ended that.
  bool fail_trial(const std::string& why);

  /// Brings to its end what a process that died had begun. Whether the binary at the path was
  /// replaced by that.
  bool settle();

 private:
  // What is found out.
  SignedRelease ask(UpdateState& state, Clock::time_point end, std::optional<std::int64_t> wanted);
  SignedRelease verified(const std::string& object) const;
  SignedRelease of_build(std::int64_t build, const SignedRelease& offered, Clock::time_point end);
  Finding decided(SignedRelease release, const UpdateState& state,
                  std::optional<std::int64_t> wanted) const;
  UpdateState with_journal(UpdateState state) const;
  void remember(const UpdateState& before, const UpdateState& after) const;
  void tell(const Finding& finding, const UpdateState& state) const;
  void tell(const UpdateNote& note, const UpdateState& state) const;
  void tell_trial(const UpdateState& state) const;

  // What is done, under the lock.
  Installation::Lock lock() const;
  bool is_replaced() const;
  bool is_on_trial(const UpdateState& state) const;
  bool settle_locked(UpdateState& state) const;
  bool bring_to_end(UpdateState& state) const;
  bool is_put_in(const UpdateState& state) const;
  bool is_still_on_trial(const UpdateState& state) const;
  void install(const Finding& finding, UpdateState& state) const;
  void put_in(const Finding& finding, const FileIdentity& expected, UpdateState& state) const;
  void take_back(const std::string& why, UpdateState& state) const;
  void end_taking_back(UpdateState& state, bool once) const;
  void write(const UpdateState& state) const;
  UpdateNote installed_note(const UpdateState& state) const;

  Installation installation_;
  UpdaterOptions options_;
  UpdaterHooks hooks_;
  FileIdentity binary_;
};

}  // namespace converge::updater
