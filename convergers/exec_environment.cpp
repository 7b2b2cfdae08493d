#include "convergers/exec_environment.h"

#include "src/base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unistd.h>

namespace converge::convergers {
namespace {

constexpr std::array<std::string_view, 9> kForAll = {"PATH", "HOME",     "USER", "LOGNAME", "SHELL",
                                                     "LANG", "LANGUAGE", "TZ",   "TMPDIR"};

bool is_for_all(std::string_view name) {
  return name.starts_with("LC_") ||
         std::find(kForAll.begin(), kForAll.end(), name) != kForAll.end();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> exec_environment(const Pieces& named,
                                                                  const Variables& variables) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Piece& piece : named) {
    const auto value = variables.find(piece.text);
    if (!value || value->find('\0') != std::string::npos) {
      throw Error(ErrorKind::failure, fmt::format("variable {} {}", piece.text,
                                                  value ? "has a NUL byte" : "is not set"));
    }
    all.emplace_back(piece.text, *value);
  }
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto name = text.substr(0, text.find('='));
    const auto is_named = [&](const auto& one) { return one.first == name; };
    if (!is_for_all(name) || name.size() == text.size() ||
        std::any_of(all.begin(), all.end(), is_named)) {
      continue;
    }
    all.emplace_back(name, text.substr(name.size() + 1));
  }
  return all;
}

}  // namespace converge::convergers
