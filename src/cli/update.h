#pragma once

#include "src/base/json_object.h"
#include "src/cli/command.h"
#include "src/config/config.h"
#include "updater/update.h"

#include <cstdint>
#include <optional>
#include <string>

namespace converge::cli {

/// What `update` is asked to do.
struct UpdateRequest {
  bool check = false;
  bool rollback = false;
  bool status = false;
  bool preflight = false;
  bool announce_start = false;
  bool exit_code = false;
  std::optional<std::int64_t> to;
  std::string channel;
};

/// `update --status`: what is installed, offered, kept and refused. Changes nothing and asks
/// nobody.
int show_update_status(const config::Config& config, const Common& common);

/// `update --preflight`, which the build that is installed runs of one that is to be: see
/// `updater::preflight`.
int answer_preflight(const config::Config& config);

/// `update --announce-start`, which the service runs as `converge.previous` ahead of each start,
/// see `updater::Updater::announce_start`. Throws `Error`, and counts nothing, where this build
/// could not start either; and after counting or going back, where the journal cannot be told yet.
int announce_start(const config::Flags& flags);

/// A finding as an object.
JsonObject finding_json(const updater::Finding& finding);

}  // namespace converge::cli
