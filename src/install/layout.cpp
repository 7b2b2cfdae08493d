#include "src/install/layout.h"

#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace converge::install {

namespace {

using std::filesystem::path;

constexpr std::string_view kHost = "host/";
constexpr std::string_view kManual = "man/";
constexpr std::string_view kConvergers = "convergers/platform/";

void replace_all(std::string& text, std::string_view word, std::string_view value) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
    text.replace(at, word.size(), value);
    at += value.size();
  }
}

/// Where an update, and the refresh after it, writes: for units. The `-`s are for directories that
/// a person has removed since.
std::string written_directories(const std::vector<Item>& items, const Places& places) {
  std::set<path> directories = {places.record().parent_path()};
  for (const Item& item : items) {
    if (item.kind == Kind::other) directories.insert(item.path.parent_path());
  }
  std::string words = places.bindir.native();
  for (const auto& directory : directories) words.append(" -").append(directory.native());
  return words;
}

/// Of a file of src/host.
std::optional<Item> host_item(const Places& places, const EmbeddedFile& file) {
  const path name(file.name.substr(kHost.size()));
  const auto item = [&](const path& at, Kind kind = Kind::other) {
    return Item{.path = at, .content = std::string(file.content), .kind = kind};
  };
  if (name == "converge.toml") return item(places.configuration / name, Kind::configuration);
  if (name == "converge.bash") return item(places.datadir / "bash-completion/completions/converge");
  if (name == "_converge") return item(places.datadir / "zsh/site-functions" / name);
  if (name == "converge.fish") return item(places.datadir / "fish/vendor_completions.d" / name);
  if (places.unitdir.empty()) return std::nullopt;
  if (name == "converge.sysusers") return item(places.prefix / "lib/sysusers.d/converge.conf");
  if (name == "converge.tmpfiles") return item(places.prefix / "lib/tmpfiles.d/converge.conf");
  return item(places.unitdir / name);
}

std::optional<Item> item_of(const Places& places, const EmbeddedFile& file) {
  if (file.name.starts_with(kHost)) return host_item(places, file);
  const auto named = [&](const path& directory, std::string_view folder) {
    const path name(file.name.substr(folder.size()));
    return Item{.path = directory / name, .content = std::string(file.content)};
  };
  if (file.name.starts_with(kManual)) {
    const auto section = "man" + path(file.name).extension().native().substr(1);
    return named(places.mandir / section, kManual);
  }
  if (file.name.starts_with(kConvergers)) {
    return named(places.datadir / "converge/convergers", kConvergers);
  }
  return std::nullopt;
}

}  // namespace

std::vector<Item> layout(const Places& places, std::span<const EmbeddedFile> carried,
                         std::string program) {
  std::vector<Item> items;
  for (const auto& file : carried) {
    if (auto item = item_of(places, file)) items.push_back(std::move(*item));
  }
  const auto written = written_directories(items, places);
  for (Item& item : items) {
    if (item.path.parent_path() != places.unitdir) continue;
    replace_all(item.content, "@bindir@", places.bindir.native());
    replace_all(item.content, "@written@", written);
  }
  // Last, so that whoever finds the new program finds what belongs to it.
  items.push_back({.path = places.program(),
                   .content = std::move(program),
                   .mode = 0755,
                   .kind = Kind::program});
  return items;
}

}  // namespace converge::install
