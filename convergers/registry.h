#pragma once

#include "convergers/defined.h"
#include "src/base/error.h"
#include "src/config/config.h"

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace converge::convergers {

/// A definition file that cannot be used.
struct Broken {
  std::string name;
  std::filesystem::path path;
  Error error;
};

/// The convergers there are, in the order of the names.
struct Registry {
  std::vector<std::unique_ptr<Defined>> convergers;
  std::vector<Broken> broken;

  Defined* find(const std::string& name) const;
  const Broken* find_broken(const std::string& name) const;
  /// Of good and broken ones.
  std::vector<std::string> names() const;
};

/// Whether variables that are not set have some value all the same: for tests, which send nothing.
enum class StandIns { no, yes };

/// Loads each NAME.sql of the directory, and the built-in ones that are enabled; `NAME.test.sql`
/// and `schema.sql`, which tests and demonstrations load, are no definitions. A bad file harms no
/// other. A name that is both a file and built in is broken. Throws `Error{usage}` when there is no
/// such directory, and for a mistake in what the configuration says of built-in ones, or where a
/// file has a step `http` under [http], with its place.
Registry load_registry(const config::Config& config, StandIns stand_ins = StandIns::no);

/// The names of the definitions that this build cannot use, in order; `*` where nothing can be
/// loaded at all.
std::vector<std::string> broken_names(const config::Config& config);

/// Throws `Error{usage}` with the nearest name for the first of `names` that there is no file of.
void require_known(const Registry& registry, std::span<const std::string> names);

}  // namespace converge::convergers
