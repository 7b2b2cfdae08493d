#include "src/install/record.h"

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace converge::install {

namespace {

constexpr std::string_view kTitle =
    "# What `converge install` has put here, converge-install(1). Check it: sha256sum -c FILE";
constexpr std::size_t kDigestCharacters = 64;

/// The words of the lines that begin with `#`, and what they set.
constexpr std::array<std::pair<std::string_view, std::filesystem::path Places::*>, 6> kPlaces = {{
    {"prefix", &Places::prefix},
    {"bindir", &Places::bindir},
    {"datadir", &Places::datadir},
    {"mandir", &Places::mandir},
    {"unitdir", &Places::unitdir},
    {"configuration", &Places::configuration},
}};

/// `# WORD VALUE`; whether the word is known. Others are left to builds that know them.
bool read_remark(std::string_view remark, Record& record) {
  const auto space = remark.find(' ');
  const auto word = remark.substr(0, space);
  const auto value = space == std::string_view::npos ? "" : remark.substr(space + 1);
  if (word == "commit") record.commit = value;
  if (word == "build") {
    const auto* end = value.data() + value.size();
    return std::from_chars(value.data(), end, record.build).ptr == end;
  }
  for (const auto& [name, place] : kPlaces) {
    if (word != name) continue;
    record.places.*place = value;
    return value.empty() || value[0] == '/';
  }
  return true;
}

bool read_file_line(std::string_view line, Record& record) {
  constexpr std::size_t kPath = kDigestCharacters + 2;
  if (line.size() <= kPath || line.substr(kDigestCharacters, 2) != "  " || line[kPath] != '/') {
    return false;
  }
  const auto digest = line.substr(0, kDigestCharacters);
  if (digest.find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
  record.files[std::string(line.substr(kPath))].insert(std::string(digest));
  return true;
}

}  // namespace

std::string Record::text() const {
  auto text = fmt::format("{}\n# build {}\n# commit {}\n", kTitle, build, commit);
  for (const auto& [name, place] : kPlaces) {
    text += fmt::format("# {} {}\n", name, (places.*place).native());
  }
  for (const auto& [path, digests] : files) {
    for (const auto& digest : digests) text += fmt::format("{}  {}\n", digest, path);
  }
  return text;
}

bool Record::has(const std::filesystem::path& path, const std::string& digest) const {
  const auto found = files.find(path.native());
  return found != files.end() && found->second.contains(digest);
}

Record parse_record(std::string_view text, const std::filesystem::path& file) {
  Record record;
  int number = 0;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++number;
    const bool known =
        line.starts_with("# ") ? read_remark(line.substr(2), record) : read_file_line(line, record);
    if (known) continue;
    throw Error(ErrorKind::failure,
                fmt::format("{}:{}: not a line of such a record: {}", file.native(), number,
                            printable(line)),
                "Remove that file, and run `converge install` again.");
  }
  return record;
}

std::optional<Record> read_record(const Places& places) {
  const auto file = places.on_disk(places.record());
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::nullopt;
  // What it names is removed and replaced as root.
  if (places.destdir.empty()) require_trusted(file);
  return parse_record(read_file(file), file);
}

}  // namespace converge::install
