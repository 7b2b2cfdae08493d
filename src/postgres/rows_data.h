#pragma once

#include "src/postgres/rows.h"

#include <pqxx/pqxx>

#include <optional>
#include <string_view>
#include <vector>

namespace converge::postgres {

/// What `Rows` keeps out of its header.
struct Rows::Data {
  explicit Data(const pqxx::result& rows);

  pqxx::result result;
  std::vector<std::optional<std::string_view>> cells;  ///< Row by row, into `result`.
};

}  // namespace converge::postgres
