#include "src/base/program_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace converge {
namespace {

constexpr std::string_view kDefaultPath = "/bin:/usr/bin";  // As execvp(3) has it.

bool can_run(const std::string& path) {
  struct stat file {};
  return stat(path.c_str(), &file) == 0 && S_ISREG(file.st_mode) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::vector<std::string> program_places(const std::string& program) {
  if (program.find('/') != std::string::npos) return {program};
  const char* set = std::getenv("PATH");
  std::string_view path = set != nullptr ? set : kDefaultPath;
  std::vector<std::string> places;
  for (bool more = true; more;) {
    const auto colon = path.find(':');
    const auto directory = path.substr(0, colon);
    places.push_back(fmt::format("{}/{}", directory.empty() ? "." : directory, program));
    more = colon != std::string_view::npos;
    path.remove_prefix(more ? colon + 1 : path.size());
  }
  return places;
}

std::optional<std::filesystem::path> find_program(const std::string& program) {
  const auto places = program_places(program);
  const auto found = std::find_if(places.begin(), places.end(), can_run);
  if (found == places.end()) return std::nullopt;
  return *found;
}

}  // namespace converge
