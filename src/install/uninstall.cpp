#include "src/base/error.h"
#include "src/install/files.h"
#include "src/install/install.h"
#include "updater/durable.h"
#include "updater/installation.h"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <set>
#include <unistd.h>

namespace converge::install {

namespace {

using Did = Deed::Did;

bool is_configuration(const Places& places, const std::filesystem::path& path) {
  return path.parent_path() == places.configuration;
}

/// Nullopt where nothing is.
std::optional<Deed> plan(const UninstallRequest& request, const std::filesystem::path& path,
                         const std::set<std::string>& digests) {
  const auto& places = request.places;
  const auto seen = look_at(places.on_disk(path));
  if (seen.what == Seen::What::nothing) return std::nullopt;
  if (is_configuration(places, path)) {
    if (request.purge && seen.what != Seen::What::other) return Deed{Did::removed, path};
    return Deed{Did::kept, path, "configuration"};
  }
  if (seen.what == Seen::What::link) return Deed{Did::kept, path, "it is a symbolic link"};
  // The updater has perhaps replaced it since.
  const bool is_program = path == request.record.places.program();
  if (seen.what == Seen::What::file && (is_program || digests.contains(seen.digest))) {
    return Deed{Did::removed, path};
  }
  return Deed{Did::kept, path, "it was edited"};
}

/// What the updater keeps beside the program, and what a person has put beside the configuration.
std::vector<std::filesystem::path> companions(const UninstallRequest& request) {
  const auto& bindir = request.record.places.bindir;
  std::vector<std::filesystem::path> paths = {
      bindir / "converge.previous", bindir / ".converge.part",  bindir / ".converge.new",
      bindir / ".converge.link",    bindir / ".converge.state", bindir / ".converge.lock"};
  if (request.purge) paths.push_back(request.record.places.configuration / "environment");
  return paths;
}

void require_rights(const Places& places, const std::vector<Deed>& deeds) {
  std::set<std::filesystem::path> directories = {places.on_disk(places.record()).parent_path()};
  for (const Deed& deed : deeds) {
    if (deed.did == Did::removed) directories.insert(places.on_disk(deed.path).parent_path());
  }
  for (const auto& directory : directories) {
    if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) continue;
    if (errno == ENOENT) continue;
    fail(fmt::format("cannot remove anything in {}", directory.native()), errno,
         "Nothing was changed.");
  }
}

void carry_out(const Places& places, const std::vector<Deed>& deeds) {
  std::set<std::filesystem::path> directories;
  for (const Deed& deed : deeds) {
    if (deed.did == Did::removed) remove(places.on_disk(deed.path), directories);
  }
  for (const auto& directory : directories) updater::sync_directory(directory);
  const auto record = places.on_disk(places.record());
  remove(record, directories);
  updater::sync_directory(record.parent_path());
  // Those that are converge's alone, where they are empty.
  for (const auto& directory : {places.datadir / "converge/convergers", places.datadir / "converge",
                                places.definitions(), places.configuration}) {
    rmdir(places.on_disk(directory).c_str());
  }
}

}  // namespace

std::vector<Deed> uninstall(const UninstallRequest& request) {
  std::vector<Deed> deeds;
  for (const auto& [path, digests] : request.record.files) {
    if (auto deed = plan(request, path, digests)) deeds.push_back(std::move(*deed));
  }
  for (const auto& path : companions(request)) {
    const auto seen = look_at(request.places.on_disk(path));
    if (seen.what == Seen::What::file) deeds.push_back({Did::removed, path});
  }
  require_rights(request.places, deeds);
  if (!request.dry_run) carry_out(request.places, deeds);
  return deeds;
}

}  // namespace converge::install
