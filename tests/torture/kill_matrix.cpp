#include "tests/torture/kill_matrix.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <regex>
#include <stdexcept>

namespace converge::tests {
namespace {

std::set<std::string> visited(Scene& scene) {
  const TempDir directory;
  const auto log = directory / "visits";
  scene.begin_anew();
  const auto result = scene.act({{"CONVERGE_FAULT_LOG", log.string()}});
  const auto wrong = scene.settle();
  BOOST_TEST(wrong == "", scene.name() << ", not killed: " << wrong << result.out << result.err);
  if (!std::filesystem::exists(log)) return {};
  const auto names = lines(read_text(log));
  return {names.begin(), names.end()};
}

}  // namespace

KillMatrix::KillMatrix() {
  for (const auto& point : points_of_the_sources()) points_[point];
}

void KillMatrix::kill_everywhere(Scene& scene) {
  constexpr int kMost = 10'000;
  for (const auto& point : visited(scene)) {
    int visit = 1;
    while (kill(scene, point, visit)) BOOST_REQUIRE(++visit < kMost);
    BOOST_TEST(visit > 1, scene.name() << " does not come by " << point << " any more");
  }
}

bool KillMatrix::kill(Scene& scene, const std::string& point, int visit) {
  const auto fault = fmt::format("{}:{}", point, visit);
  bool killed = true;
  std::string wrong;
  try {
    scene.begin_anew();
    const auto result = scene.act({{"CONVERGE_FAULT", fault}});
    killed = result.signal == SIGKILL && !result.timed_out;
    wrong = scene.settle();
    if (!wrong.empty()) wrong += result.out + result.err;
  } catch (const std::exception& error) {
    wrong = error.what();
  }
  BOOST_TEST(wrong == "", scene.name() << ", " << fault << ": " << wrong);
  auto& cell = points_[point];
  cell.scenes.insert(scene.name());
  if (killed) ++cell.kills;
  if (!wrong.empty()) ++cell.wrong;
  return killed;
}

std::vector<std::string> KillMatrix::never_killed() const {
  std::vector<std::string> names;
  for (const auto& [name, cell] : points_) {
    if (cell.kills == 0) names.push_back(name);
  }
  return names;
}

int KillMatrix::kills() const {
  int all = 0;
  for (const auto& [name, cell] : points_) all += cell.kills;
  return all;
}

void KillMatrix::tell(ClosingTable& table) const {
  for (const auto& [name, cell] : points_) {
    table.add({name, std::to_string(cell.kills),
               cell.wrong > 0    ? fmt::format("{} WRONG", cell.wrong)
               : cell.kills == 0 ? "never killed"
                                 : "all right",
               fmt::format("{}", fmt::join(cell.scenes, ", "))});
  }
}

std::set<std::string> points_of_the_sources() {
  static const std::regex call(R"re(fault_point\("([^"]+)"\))re");
  std::set<std::string> names;
  for (const char* folder : {"src", "journal", "convergers", "updater"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".cpp") continue;
      const auto text = read_text(entry.path());
      for (std::sregex_iterator found(text.begin(), text.end(), call), end; found != end; ++found) {
        names.insert((*found)[1]);
      }
    }
  }
  return names;
}

std::string unless(bool holds, const std::string& otherwise) {
  return holds ? "" : otherwise + "\n";
}

std::string debug_binary() {
  const char* value = std::getenv("CONVERGE_DEBUG_BINARY");
  if (value == nullptr) throw std::runtime_error("CONVERGE_DEBUG_BINARY is not set: use tests/run");
  return value;
}

}  // namespace converge::tests
