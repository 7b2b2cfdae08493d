#pragma once

#include "src/postgres/rows.h"

#include <pqxx/pqxx>

namespace converge::postgres {

/// What `Rows` keeps out of its header.
struct Rows::Data {
  pqxx::result result;
};

}  // namespace converge::postgres
