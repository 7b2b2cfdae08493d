#include "src/cli/installed_files.h"

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/cli/refresh.h"
#include "src/install/install.h"
#include "updater/installation.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace converge::cli {

namespace {

using Did = install::Deed::Did;
using doctor::Finding;
using doctor::Verdict;

constexpr const char* kCheck = "files";

std::string named(const std::vector<std::string>& paths) {
  const auto first = printable(paths.front());
  return paths.size() == 1 ? first : fmt::format("{} and {} more", first, paths.size() - 1);
}

/// What another `install` would do: nothing, where all is as this build has it.
Finding compared(const install::Record& record) {
  auto request = install_request(record.places);
  request.refresh = true;
  request.dry_run = true;
  std::vector<std::string> others;
  std::vector<std::string> edited_units;
  for (const auto& deed : install::install(request)) {
    if (deed.did == Did::kept) {
      const auto& units = record.places.unitdir;
      if (!units.empty() && deed.path.parent_path() == units) edited_units.push_back(deed.path);
    } else if (deed.did != Did::unchanged) {
      others.push_back(deed.path);
    }
  }
  if (!others.empty()) {
    return {.check = kCheck,
            .verdict = Verdict::warning,
            .message = fmt::format("{} {} not what this build has", named(others),
                                   others.size() == 1 ? "is" : "are"),
            .remedy = "Run: sudo converge install"};
  }
  if (!edited_units.empty()) {
    return {.check = kCheck,
            .verdict = Verdict::warning,
            .message = fmt::format("{} {} edited", named(edited_units),
                                   edited_units.size() == 1 ? "was" : "were"),
            .remedy =
                "Keep what is yours in `systemctl edit`, and run: sudo converge install "
                "--force"};
  }
  return {.check = kCheck,
          .message = fmt::format("{} that converge install put in place are those of this build",
                                 record.files.size())};
}

}  // namespace

Finding examine_installed_files() {
  try {
    const auto record = record_beside(updater::Installation::of_this_process().path());
    if (record) return compared(*record);
    return {.check = kCheck, .message = "none that converge install put in place"};
  } catch (const Error& error) {
    return {.check = kCheck,
            .verdict = Verdict::warning,
            .message = fmt::format("what was installed cannot be compared: {}", error.what()),
            .remedy = error.hint()};
  }
}

}  // namespace converge::cli
