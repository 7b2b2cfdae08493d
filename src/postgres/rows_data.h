#pragma once

#include <pqxx/pqxx>

#include "src/postgres/rows.h"

namespace converge::postgres {

/// What `Rows` keeps out of its header.
struct Rows::Data {
  pqxx::result result;
};

}  // namespace converge::postgres
