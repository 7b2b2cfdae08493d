#pragma once

#include "src/engine/subjects.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace converge::engine {

/// Subjects of a pass, with all their columns, that have steps outside the database before them.
struct Underway {
  struct Subject {
    std::string owed =
        {};  ///< By this key the journal keeps that they are owed; empty: it does not.
    /// The titles of the steps outside when that was planned; null: as they are now.
    std::shared_ptr<const std::vector<std::string>> planned = {};
    std::int64_t at = -1;  ///< The step of those that the journal says it waits for.
    bool found = false;    ///< Find returns it: what acts for all that are found acts for it.
    /// Each step outside that it has passed has succeeded for it: the SQL steps after those follow.
    bool through = true;
    bool counted = false;  ///< As an inconsistency of this pass.
  };

  explicit Underway(std::size_t width = 1) : subjects(width) {}

  std::size_t size() const { return each.size(); }
  bool empty() const { return each.empty(); }
  void append(const Subjects& from, std::size_t row, Subject subject) {
    subjects.append(from, row);
    each.push_back(std::move(subject));
  }

  Subjects subjects;
  std::vector<Subject> each;  ///< By row.
};

}  // namespace converge::engine
