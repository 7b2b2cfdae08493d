#pragma once

#include "tests/cli/fixture.h"
#include "tests/torture/closing_table.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace converge::tests {

/// Something that is killed again and again, each time at another place.
class Scene {
 public:
  explicit Scene(std::string name) : name_(std::move(name)) {}
  virtual ~Scene() = default;
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  const std::string& name() const { return name_; }
  /// Makes everything as it was the first time.
  virtual void begin_anew() = 0;
  /// Runs the debug twin, with this in its environment, to its end.
  virtual CommandResult act(const Environment& faults) = 0;
  /// Lets the next commands end what was begun. Returns what then is not as it has to be.
  virtual std::string settle() = 0;

 private:
  std::string name_;
};

using Scenes = std::vector<std::function<std::unique_ptr<Scene>()>>;

/// Kills scenes at every named point that they come by, at each occurrence.
class KillMatrix {
 public:
  KillMatrix();

  /// One untouched run tells the points; then for each it is killed at the first visit, the second,
  /// ... until it ends without coming by. What goes wrong is a failed assertion and in the table.
  void kill_everywhere(Scene& scene);
  /// No scene comes by these points, which are in the sources.
  std::vector<std::string> never_killed() const;
  int kills() const;
  /// A line for each point of the sources and each other one that somebody came by.
  void tell(ClosingTable& table) const;

 private:
  struct Cell {
    std::set<std::string> scenes;
    int kills = 0;
    int wrong = 0;
  };

  /// False when it ended without coming by.
  bool kill(Scene& scene, const std::string& point, int visit);

  std::map<std::string, Cell> points_;
};

/// The points that the sources name.
std::set<std::string> points_of_the_sources();

/// The text, named, when it does not hold; a line.
std::string unless(bool holds, const std::string& otherwise);

/// The debug twin.
std::string debug_binary();

Scenes pass_scenes();
Scenes outside_scenes();
Scenes upkeep_scenes();
Scenes update_scenes();

}  // namespace converge::tests
