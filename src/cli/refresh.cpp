#include "src/cli/refresh.h"

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/version.h"
#include "src/cli/embedded.h"
#include "src/cli/output.h"
#include "updater/installation.h"
#include "updater/update_state.h"

#include <fmt/core.h>

namespace converge::cli {

install::InstallRequest install_request(install::Places places) {
  auto items = install::layout(places, embedded_files(), read_file("/proc/self/exe"));
  return {.places = std::move(places),
          .items = std::move(items),
          .build = build_number(),
          .commit = std::string(build_commit())};
}

std::optional<install::Record> record_beside(const std::filesystem::path& binary) {
  const auto bindir = binary.parent_path();
  auto record = install::read_record({.datadir = bindir.parent_path() / "share"});
  if (record && record->places.bindir != bindir) return std::nullopt;
  return record;
}

void refresh_installed(bool quiet) {
  try {
    const auto installation = updater::Installation::of_this_process();
    const auto record = record_beside(installation.path());
    if (!record) return;
    if (record->build == build_number() && record->commit == build_commit()) return;
    if (updater::read_update_state(installation.state_file()).trial) return;
    auto request = install_request(record->places);
    request.refresh = true;
    install::install(request);
  } catch (const Error& error) {
    if (quiet) return;
    print_notice(fmt::format(
        "the pages, units and other files that were installed are still those of another build: "
        "{}; `sudo converge install` brings them up to date",
        error.what()));
  }
}

}  // namespace converge::cli
