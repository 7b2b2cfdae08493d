#include "src/install/install.h"

#include "src/base/process.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/output.h"
#include "src/cli/refresh.h"
#include "updater/installation_place.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <unistd.h>

namespace converge::cli {

namespace {

using install::Deed;
using install::Places;
using std::filesystem::path;
using Did = Deed::Did;

/// The options as given; empty: not.
struct Given {
  std::string prefix, destdir, bindir, datadir, mandir, unitdir, sysconfdir;
  bool force = false;
  bool purge = false;
  bool dry_run = false;
};

/// As absolute and plain as it is recorded and written into units.
path plain(const std::string& given) {
  auto directory = std::filesystem::absolute(given).lexically_normal();
  if (!directory.has_filename()) directory = directory.parent_path();
  const auto& text = directory.native();
  const bool fits = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c != 0x7f && c != '%' && c != '\\' && c != '"' && c != '\'';
  });
  if (fits) return directory;
  throw Error(ErrorKind::usage,
              fmt::format("cannot install to {}: blanks, quotes and % would have another meaning "
                          "in units",
                          printable(text)),
              "Choose another place.");
}

bool is_for_host(const Given& given) { return geteuid() == 0 || !given.destdir.empty(); }

/// Of what is installed already: below the given prefix, else beside this binary.
std::optional<install::Record> record_of(const Given& given) {
  if (given.prefix.empty() && given.destdir.empty()) {
    if (auto record = record_beside(std::filesystem::read_symlink("/proc/self/exe"))) return record;
  }
  const auto prefix = plain(given.prefix.empty() ? "/usr/local" : given.prefix);
  return install::read_record(
      {.destdir = given.destdir.empty() ? path() : plain(given.destdir),
       .datadir = given.datadir.empty() ? prefix / "share" : plain(given.datadir)});
}

/// Where it is installed; else where it would go. What is given goes before either.
Places places_of(const Given& given) {
  Places places;
  if (const auto record = record_of(given)) {
    places = record->places;
  } else {
    places.prefix = plain(given.prefix.empty() ? "/usr/local" : given.prefix);
    places.bindir = places.prefix / "bin";
    places.datadir = places.prefix / "share";
    if (is_for_host(given)) places.unitdir = places.prefix / "lib/systemd/system";
    places.configuration =
        is_for_host(given) ? path("/etc/converge") : config::configuration_directory();
  }
  if (!given.destdir.empty()) places.destdir = plain(given.destdir);
  if (!given.bindir.empty()) places.bindir = plain(given.bindir);
  if (!given.datadir.empty()) places.datadir = plain(given.datadir);
  if (places.mandir.empty() || !given.datadir.empty()) places.mandir = places.datadir / "man";
  if (!given.mandir.empty()) places.mandir = plain(given.mandir);
  if (!given.unitdir.empty()) places.unitdir = plain(given.unitdir);
  if (!given.sysconfdir.empty()) places.configuration = plain(given.sysconfdir) / "converge";
  return places;
}

void print_deeds(const std::vector<Deed>& deeds, const Given& given, const Common& common) {
  std::map<Did, std::int64_t> counts;
  Table table;
  for (const Deed& deed : deeds) {
    ++counts[deed.did];
    if (common.json()) {
      JsonObject line;
      line.add("path", deed.path.native()).add("done", install::name_of(deed.did));
      if (!deed.why.empty()) line.add("why", deed.why);
      print(line.add("dry_run", given.dry_run).line());
    } else if (!common.quiet || deed.did != Did::unchanged) {
      table.add({{std::string(install::name_of(deed.did)),
                  deed.did == Did::kept ? Style::warning : Style::plain},
                 {deed.path.native() + (deed.why.empty() ? "" : fmt::format(" ({})", deed.why))}});
    }
  }
  if (common.json()) return;
  print(table.take());
  if (common.quiet) return;
  std::string summary;
  for (const auto& [did, count] : counts) {
    summary += fmt::format("{}{} {}", summary.empty() ? "" : ", ", count, install::name_of(did));
  }
  print(fmt::format("{}{}\n", summary.empty() ? "nothing to do" : summary,
                    given.dry_run ? "; nothing was done, as this was a dry run" : ""));
}

void tell_what_is_next(const std::vector<Deed>& deeds, const Given& given, const Places& places) {
  if (!given.dry_run && places.destdir.empty()) tell_units_changed(deeds, places);
}

/// A package has put all of it there, and takes it away again.
void require_own_place(const Places& places) {
  if (!places.destdir.empty()) return;
  updater::require_unpackaged(std::filesystem::read_symlink("/proc/self/exe"));
  updater::require_unpackaged(places.program());
}

int execute_install(const Given& given, const Common& common) {
  const auto places = places_of(given);
  require_own_place(places);
  auto request = install_request(places);
  request.force = given.force;
  request.dry_run = given.dry_run;
  const auto deeds = install::install(request);
  print_deeds(deeds, given, common);
  tell_what_is_next(deeds, given, places);
  return kDone;
}

/// Links of `systemctl enable` would lead nowhere, and a service would run a binary that is gone.
void require_disabled(const Places& places) {
  const auto wants = places.configuration.parent_path() / "systemd/system";
  for (const auto* unit :
       {"multi-user.target.wants/converged.service", "timers.target.wants/converge-run.timer",
        "timers.target.wants/converge-update.timer"}) {
    const auto link = places.on_disk(wants / unit);
    std::error_code error;
    if (!std::filesystem::is_symlink(link, error)) continue;
    const auto name = link.filename().native();
    throw Error(ErrorKind::usage, fmt::format("{} is enabled: {}", name, link.native()),
                fmt::format("Run: systemctl disable --now {}", name));
  }
}

int execute_uninstall(const Given& given, const Common& common) {
  const auto places = places_of(given);
  require_own_place(places);
  auto record = install::read_record(places);
  if (!record) {
    throw Error(ErrorKind::usage,
                fmt::format("nothing is on record as installed: there is no {}",
                            places.on_disk(places.record()).native()),
                "Name the --prefix that was given to `converge install`.");
  }
  record->places.destdir = places.destdir;
  require_disabled(record->places);
  const install::UninstallRequest request{
      .places = record->places, .record = *record, .purge = given.purge, .dry_run = given.dry_run};
  const auto deeds = install::uninstall(request);
  print_deeds(deeds, given, common);
  tell_what_is_next(deeds, given, request.places);
  return kDone;
}

std::shared_ptr<Given> add_options(CLI::App& app) {
  auto given = std::make_shared<Given>();
  app.add_option("--prefix", given->prefix, "below which files go (/usr/local)")->type_name("DIR");
  app.add_option("--destdir", given->destdir, "the root of another system, or of a package")
      ->type_name("DIR");
  app.add_flag("--dry-run", given->dry_run, "say what would be done, and do nothing");
  return given;
}

}  // namespace

std::function<int()> define_install(CLI::App& app, const Common& common) {
  const auto given = add_options(app);
  const auto directory = [&](const char* name, std::string& target, const char* what) {
    app.add_option(name, target, what)->type_name("DIR");
  };
  directory("--bindir", given->bindir, "of the binary (PREFIX/bin)");
  directory("--datadir", given->datadir, "of completions and convergers (PREFIX/share)");
  directory("--mandir", given->mandir, "of the manual (PREFIX/share/man)");
  directory("--unitdir", given->unitdir, "of systemd's units (PREFIX/lib/systemd/system)");
  directory("--sysconfdir", given->sysconfdir, "of the directory of converge.toml (/etc)");
  app.add_flag("--force", given->force,
               "replace files that were edited, or were there before; not the configuration");
  return [given, &common] { return execute_install(*given, common); };
}

std::function<int()> define_uninstall(CLI::App& app, const Common& common) {
  const auto given = add_options(app);
  app.add_option("--datadir", given->datadir, "where the record is (PREFIX/share)")
      ->type_name("DIR");
  app.add_flag("--purge", given->purge, "remove the configuration as well; never the journal");
  return [given, &common] { return execute_uninstall(*given, common); };
}

}  // namespace converge::cli
