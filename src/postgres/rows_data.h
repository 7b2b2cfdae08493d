#pragma once

#include "src/postgres/pipeline.h"
#include "src/postgres/rows.h"

#include <pqxx/pqxx>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::postgres {

/// What `Rows` keeps out of its header.
struct Rows::Data {
  explicit Data(const pqxx::result& rows);
  explicit Data(PgResult rows);

  // The one or the other owns what the cells point into.
  pqxx::result result;
  PgResult pipelined;

  std::vector<std::optional<std::string_view>> cells;  ///< Row by row.
  std::vector<std::string> names;
  std::vector<std::uint32_t> types;
  std::size_t size = 0;
};

}  // namespace converge::postgres
