#include "src/engine/updating.h"

#include "journal/reader.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/base/version.h"
#include "src/engine/journal_copy.h"
#include "src/engine/update_past.h"
#include "updater/preflight.h"
#include "updater/release_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace converge::engine {

namespace {

Error stopped() { return {ErrorKind::transient, "the update was stopped"}; }

}  // namespace

std::vector<updater::PublicKey> trusted_keys(const config::Config& config) {
  std::vector<updater::PublicKey> keys;
  for (const std::string_view text : updater::release_keys()) {
    keys.push_back(updater::PublicKey::parse(text));
  }
  for (const config::Placed& key : config.update.keys) {
    try {
      keys.push_back(updater::PublicKey::parse(key.text));
    } catch (const Error& error) {
      throw error.within(key.place);
    }
  }
  return keys;
}

void require_update_source(const config::Config& config) {
  const auto file = config.file.empty() ? std::string("the configuration") : config.file.native();
  if (config.update.url.empty()) {
    throw Error(ErrorKind::usage, "no server to update from is configured",
                fmt::format("Put its base URL into {}: url under [update].", file));
  }
  if (config.update.keys.empty() && updater::release_keys().empty()) {
    throw Error(
        ErrorKind::usage, "no key to verify releases with is configured, so nothing is updated",
        fmt::format("Put the public key of who signs them into {}: keys under [update].", file));
  }
}

updater::UpdaterOptions updater_options(const config::Config& config) {
  updater::UpdaterOptions options;
  options.source.url = config.update.url;
  if (!config.http.ca_file.empty()) options.source.http.ca_file = config.http.ca_file;
  options.source.http.proxy = config.http.proxy;
  options.source.http.connect_timeout = config.http.connect_timeout;
  options.source.http.idle_timeout = config.http.idle_timeout;
  options.keys = trusted_keys(config);
  options.channel = config.update.channel;
  options.build = build_number();
  options.state_directory = config.journal.parent_path();
  options.cache = config.journal.parent_path() / "update.state";
  return options;
}

journal::UpdateEvent update_event(const updater::UpdateNote& note) {
  journal::UpdateEvent event{
      .event = note.event, .build = note.build, .from = note.from, .why = note.why};
  if (note.release) {
    const auto& manifest = note.release->manifest;
    const auto* artifact = manifest.artifact_for(updater::this_platform());
    event.release = journal::UpdateRelease{.channel = manifest.channel,
                                           .seq = manifest.seq,
                                           .commit = manifest.commit,
                                           .sha256 = artifact == nullptr ? "" : artifact->sha256,
                                           .key = note.release->key_id};
  }
  return event;
}

std::map<std::string, journal::UpdateSeen> update_seen(
    const std::map<std::string, updater::Floors>& floors) {
  std::map<std::string, journal::UpdateSeen> seen;
  for (const auto& [channel, one] : floors) seen[channel] = {.seq = one.seq, .build = one.build};
  return seen;
}

std::map<std::string, updater::Floors> floors_in(const std::filesystem::path& journal) {
  std::map<std::string, updater::Floors> floors;
  if (!std::filesystem::exists(journal)) return floors;
  try {
    for (const auto& [channel, seen] : journal::Reader(journal).update_seen()) {
      floors[channel] = {.seq = seen.seq, .build = seen.build};
    }
  } catch (const Error& error) {
    // Not a journal, as one is that was begun and killed: whoever writes it says what is wrong.
    if (error.kind() != ErrorKind::usage) throw;
  }
  return floors;
}

updater::UpdaterHooks updater_hooks(const config::Config& config,
                                    std::function<journal::Journal&()> journal,
                                    std::function<std::vector<std::string>()> broken,
                                    std::stop_token stop) {
  return {.floors = [file = config.journal] { return floors_in(file); },
          .past = [file = config.journal] { return update_past_in(file); },
          .note =
              [journal = std::move(journal)](const auto& note, const auto& seen) {
                journal().append_update(update_event(note), update_seen(seen), note.once);
              },
          .try_out = [config, broken = std::move(broken), stop](
                         const auto& release,
                         const auto& staged) { try_out(config, release, staged, broken(), stop); },
          .progress =
              [stop](auto...) {
                if (stop.stop_requested()) throw stopped();
              }};
}

void try_out(const config::Config& config, const updater::SignedRelease& release,
             const std::filesystem::path& staged, const std::vector<std::string>& broken,
             const std::stop_token& stop) {
  const auto build = release.manifest.build;
  const JournalCopy copy(config.journal, [&stop] {
    if (stop.stop_requested()) throw stopped();
  });
  updater::Preflight request{
      .staged = staged,
      .build = build,
      .object = release.text,
      .arguments = {"--channel", release.manifest.channel, "--convergers",
                    config.convergers.native(), "--journal", copy.path().native()},
      .timeout = config.update.preflight,
      .stop = stop};
  if (!config.file.empty()) {
    request.arguments.insert(request.arguments.end(), {"--config", config.file.native()});
  }
  const auto answer = updater::preflight(request);
  for (const std::string& name : answer.broken) {
    if (std::find(broken.begin(), broken.end(), name) != broken.end()) continue;
    throw Error(ErrorKind::failure,
                fmt::format("build {} is not fit for this host: the definition of {} is broken to "
                            "it, and is not to this build",
                            build, printable(name)),
                "The installed build stays, and nothing has changed.");
  }
  try {
    const journal::Journal migrated(copy.path(), "preflight", {});
  } catch (const Error& error) {
    throw Error(ErrorKind::failure,
                fmt::format("build {} is not fit for this host: what it makes of the journal "
                            "cannot be written by this build, and so there would be no way back: "
                            "{}",
                            build, error.what()),
                "The installed build stays, and nothing has changed.");
  }
}

}  // namespace converge::engine
