#include "src/cli/embedded.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstddef>
#include <vector>

// What the Makefile has put into one: before each file a line with its name and its size.
asm(R"(
  .pushsection .rodata
  converge_embedded: .incbin "embedded"
  converge_embedded_end:
  .popsection
)");

// NOLINTBEGIN(modernize-avoid-c-arrays): only an array of unknown length is what a label is.
extern "C" {
extern const char converge_embedded[];
extern const char converge_embedded_end[];
}
// NOLINTEND(modernize-avoid-c-arrays)

namespace converge::cli {
namespace {

std::vector<EmbeddedFile> parse(std::string_view all) {
  std::vector<EmbeddedFile> files;
  while (!all.empty()) {
    const auto line = all.substr(0, all.find('\n'));
    const auto space = line.find(' ');
    std::size_t size = 0;
    const auto number = line.substr(space + 1);
    [[maybe_unused]] const auto parsed =
        std::from_chars(number.data(), number.data() + number.size(), size);
    assert(parsed.ec == std::errc{} && line.size() + 1 + size <= all.size());
    files.push_back({line.substr(0, space), all.substr(line.size() + 1, size)});
    all.remove_prefix(line.size() + 1 + size);
  }
  return files;
}

}  // namespace

std::span<const EmbeddedFile> embedded_files() {
  // cppcheck-suppress comparePointers  // One array: the second is the label of its end.
  const auto size = static_cast<std::size_t>(converge_embedded_end - converge_embedded);
  static const auto files = parse({converge_embedded, size});
  return files;
}

const EmbeddedFile* embedded_file(std::string_view name) {
  const auto files = embedded_files();
  const auto found = std::ranges::find(files, name, &EmbeddedFile::name);
  return found == files.end() ? nullptr : &*found;
}

}  // namespace converge::cli
