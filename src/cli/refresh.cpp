#include "src/cli/refresh.h"

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/base/version.h"
#include "src/cli/embedded.h"
#include "src/cli/output.h"
#include "updater/installation.h"
#include "updater/update_state.h"

#include <fmt/core.h>

#include <algorithm>

namespace converge::cli {

namespace {

using install::Deed;

bool is_change(const Deed& deed) {
  return deed.did != Deed::Did::unchanged && deed.did != Deed::Did::kept;
}

void tell(const std::vector<Deed>& deeds, const install::Places& places) {
  const auto changes = std::count_if(deeds.begin(), deeds.end(), is_change);
  if (changes == 0) return;
  print_notice(fmt::format("{} installed with the binary {} build {} now", counted(changes, "file"),
                           changes == 1 ? "is that of" : "are those of", build_number()));
  tell_units_changed(deeds, places);
}

}  // namespace

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

void tell_units_changed(const std::vector<install::Deed>& deeds, const install::Places& places) {
  const bool units_changed = std::any_of(deeds.begin(), deeds.end(), [&](const auto& deed) {
    return is_change(deed) && deed.path.parent_path() == places.unitdir;
  });
  std::error_code error;
  if (!units_changed || !std::filesystem::exists("/run/systemd/system", error)) return;
  print_notice("units have changed: run `systemctl daemon-reload`");
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
    const auto deeds = install::install(request);
    if (!quiet) tell(deeds, record->places);
  } catch (const Error& error) {
    if (quiet) return;
    print_notice(fmt::format(
        "the pages, units and other files that were installed are still those of another build: "
        "{}; `sudo converge install` brings them up to date",
        error.what()));
  }
}

}  // namespace converge::cli
