#pragma once

#include "journal/database.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>

namespace converge::journal {

/// What `body` returns for the database of a reader; what SQLite throws becomes a `read_error`.
template <typename Body>
auto reading(const std::filesystem::path& file, SQLite::Database& database, const Body& body) {
  try {
    return body(database);
  } catch (const SQLite::Exception& error) {
    throw read_error(file, error);
  }
}

}  // namespace converge::journal
