#include "convergers/registry.h"
#include "journal/journal.h"
#include "src/base/error.h"
#include "src/cli/output.h"
#include "src/cli/update.h"
#include "src/engine/updating.h"
#include "src/postgres/session.h"

#include <fmt/core.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace converge::cli {

namespace {

/// The one that this process, its `.previous`, was the binary of.
updater::Installation installation_after_this() {
  const auto own = updater::Installation::of_this_process().path();
  if (own.extension() == ".previous") {
    updater::Installation installation(std::filesystem::path(own).replace_extension());
    if (installation.previous() == own) return installation;
  }
  throw Error(ErrorKind::usage, fmt::format("{} is not the build before of any", own.native()),
              "The service runs this as converge.previous.");
}

/// What keeps this build from starting as well must not be held against the other one.
void require_startable(const config::Config& config) {
  convergers::load_registry(config);
  postgres::require_readable_url(config.database_url);
}

void tell(const config::Config& config, const updater::UpdateNote& note,
          const std::map<std::string, updater::Floors>& seen) {
  journal::Journal journal(config.journal, "daemon", [](const auto& text) { print_notice(text); });
  journal.append_update(engine::update_event(note), engine::update_seen(seen), note.once);
}

}  // namespace

int announce_start(const config::Flags& flags) {
  const auto installation = installation_after_this();
  const auto trial = updater::read_update_state(installation.state_file()).trial;
  if (!trial) return kDone;  // As mostly; what newer ones are configured with is not read then.
  const auto config = config::load(flags);
  require_startable(config);
  updater::UpdaterOptions options;
  options.channel = config.update.channel;
  options.build = trial->build;
  updater::UpdaterHooks hooks;
  hooks.note = [&](const auto& note, const auto& seen) { tell(config, note, seen); };
  updater::Updater updater(installation, std::move(options), std::move(hooks));
  if (updater.announce_start()) {
    print_notice(fmt::format("build {} failed its trial, and build {} is put back", trial->build,
                             trial->previous));
  }
  return kDone;
}

}  // namespace converge::cli
