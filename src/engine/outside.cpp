#include "src/engine/outside.h"

#include <algorithm>

namespace converge::engine {

std::optional<std::size_t> SubjectRow::place(std::string_view column) const {
  const auto end = columns_.begin() + static_cast<std::ptrdiff_t>(width());
  const auto found = std::find(columns_.begin(), end, column);
  if (found == end) return std::nullopt;
  return static_cast<std::size_t>(found - columns_.begin());
}

}  // namespace converge::engine
