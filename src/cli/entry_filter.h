#pragma once

#include "journal/reader.h"
#include "src/config/config.h"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace converge::cli {

/// Which entries a person asked for, as typed.
struct FilterRequest {
  std::vector<std::string> convergers = {};
  std::vector<std::string> kinds = {};
  std::vector<std::string> outcomes = {};
  std::optional<std::string> lines = {};
  std::optional<std::string> subject = {};
  std::optional<std::string> actor = {};
  std::optional<std::string> grep = {};
  std::optional<std::string> since = {};
  std::optional<std::string> until = {};
  std::optional<std::int64_t> pass = {};

  bool steps() const;  ///< Whether inconsistencies are to be unfolded into their steps.
};

void add_filter_options(CLI::App& app, FilterRequest& request);

/// Throws `Error{usage}`, with what was probably meant, for what is not a time, a kind, an outcome
/// or a number.
journal::Filter filter_of(const FilterRequest& request);

/// What --kind and --outcome take.
std::vector<std::string> kind_names();
std::vector<std::string> outcome_names();

/// Throws `Error{usage}` with the nearest name for one that neither the journal nor a definition
/// knows; one that has done nothing yet has no entries, but is not unknown.
void require_known_convergers(const std::vector<std::string>& wanted,
                              std::vector<std::string> known, const config::Config& config);

}  // namespace converge::cli
