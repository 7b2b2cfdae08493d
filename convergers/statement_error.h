#pragma once

#include "convergers/definition.h"
#include "src/base/error.h"

#include <filesystem>

namespace converge::convergers {

/// An error of a statement, with its place in front: `PATH:LINE: step TITLE: message`. The server
/// counts lines from the first of the statement; the reader counts them in the file. A statement
/// whose line is 0 stands in no file: `PATH: find: line 2: message`, where `path` is a name.
Error at_statement(const Error& error, const std::filesystem::path& path,
                   const Statement& statement);

/// What `call` returns. What the server says against the statement is told with its place.
template <typename Call>
auto located(const std::filesystem::path& path, const Statement& statement, const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::failure || error.sqlstate().empty()) throw;
    throw at_statement(error, path, statement);
  }
}

}  // namespace converge::convergers
