#include "src/cli/installed_files.h"

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/cli/refresh.h"
#include "src/install/install.h"
#include "updater/installation.h"
#include "updater/update_state.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace converge::cli {

namespace {

using Did = install::Deed::Did;
using doctor::Findings;
using doctor::Verdict;

constexpr const char* kCheck = "files";

std::string named(const std::vector<std::string>& paths) {
  const auto first = printable(paths.front());
  return paths.size() == 1 ? first : fmt::format("{} and {} more", first, paths.size() - 1);
}

struct Differences {
  std::vector<std::string> others;
  std::vector<std::string> edited_units;
};

/// What another `install` would do: nothing, where all is as this build has it.
Differences compared(const install::Record& record) {
  auto request = install_request(record.places);
  request.refresh = true;
  request.dry_run = true;
  Differences found;
  for (const auto& deed : install::install(request)) {
    if (deed.did == Did::kept) {
      const auto& units = record.places.unitdir;
      if (!units.empty() && deed.path.parent_path() == units) {
        found.edited_units.push_back(deed.path);
      }
    } else if (deed.did != Did::unchanged) {
      found.others.push_back(deed.path);
    }
  }
  return found;
}

/// They stay those of the build before until it has proven itself.
bool is_on_trial(const updater::Installation& installation) {
  return updater::read_update_state(installation.state_file()).trial.has_value();
}

Findings told(const install::Record& record, const updater::Installation& installation) {
  const auto [others, edited_units] = compared(record);
  const bool follows = !others.empty() && is_on_trial(installation);
  Findings findings;
  if (!others.empty() && !follows) {
    findings.push_back({.check = kCheck,
                        .verdict = Verdict::warning,
                        .message = fmt::format("{} {} not what this build has", named(others),
                                               others.size() == 1 ? "is" : "are"),
                        .remedy = "Run: sudo converge install"});
  }
  if (!edited_units.empty()) {
    findings.push_back({.check = kCheck,
                        .verdict = Verdict::warning,
                        .message = fmt::format("{} {} edited", named(edited_units),
                                               edited_units.size() == 1 ? "was" : "were"),
                        .remedy = "Keep what is yours in `systemctl edit`, and run: sudo converge "
                                  "install --force"});
  }
  if (!findings.empty()) return findings;
  return {{.check = kCheck,
           .message =
               follows ? fmt::format("{} {} of build {}, until the one on trial has proven "
                                     "itself",
                                     named(others), others.size() == 1 ? "is" : "are", record.build)
                       : fmt::format("{} that converge install put in place are those of "
                                     "this build",
                                     record.files.size())}};
}

}  // namespace

Findings examine_installed_files() {
  try {
    const auto installation = updater::Installation::of_this_process();
    if (const auto record = record_beside(installation.path())) return told(*record, installation);
    return {{.check = kCheck, .message = "none that converge install put in place"}};
  } catch (const Error& error) {
    return {{.check = kCheck,
             .verdict = Verdict::warning,
             .message = fmt::format("what was installed cannot be compared: {}", error.what()),
             .remedy = error.hint()}};
  }
}

}  // namespace converge::cli
