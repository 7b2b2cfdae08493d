#pragma once

#include "convergers/pieces.h"
#include "convergers/variables.h"
#include "src/engine/outside.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// What the references of a request are replaced with.
struct Rendering {
  const engine::SubjectRow& subject;
  /// Null: `${NAME}` stays as it is written, for people.
  const Variables* variables = nullptr;
  /// Columns that stay as they are written too.
  const std::vector<std::string>* hidden = nullptr;
};

/// The text with each reference replaced, escaped for its place. Throws `Error{failure}` for a
/// value that cannot stand there: a null anywhere but as a value in JSON, a control character in a
/// header, a NUL in an argument.
std::string render(const Pieces& pieces, const Rendering& rendering);

/// As `render`, of a URL; throws also when a value makes a segment of the path empty, `.` or `..`.
std::string render_url(const Pieces& pieces, const Rendering& rendering);

/// Throws `Error{failure}` when the variables make it the URL of no host, or one where a column
/// would say something about the host. Tells no value.
void require_origin(const Pieces& url, const Variables& variables);

/// Throws `Error{failure}` unless each column is one of these and each variable has a value.
/// `where` is the definition's path; the message is `PATH:LINE:COLUMN: WHAT: find returns no column
/// NAME`.
void require_known(const Pieces& pieces, const std::vector<std::string>& columns,
                   const Variables& variables, const std::string& path, const std::string& what);

/// Whether that oid is a type of numbers.
bool is_number(std::uint32_t type);

/// A value of a column as JSON: numbers, booleans and what is JSON already as they are, null as
/// `null`, all else as a string. `type` is its oid.
std::string json_of(std::optional<std::string_view> value, std::uint32_t type);

/// A subject as an object of JSON with all its columns.
std::string json_of(const Rendering& rendering);

}  // namespace converge::convergers
