#pragma once

#include "convergers/source_text.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// Where in a request something stands, which says how it is escaped.
enum class Place {
  base,        ///< Before the path of a URL; for variables alone, and as they are.
  url,         ///< In the path or the query of a URL.
  header,      ///< In the value of a header.
  json_text,   ///< In a string of a JSON body.
  json_value,  ///< As a value in a JSON body.
  form,        ///< In a body of application/x-www-form-urlencoded.
  body,        ///< In any other body, as it is.
  argument,    ///< In an argument of a program.
};

/// A part of a text with references.
struct Piece {
  enum class Kind {
    text,
    column,    ///< `{name}`: a column of the subject.
    variable,  ///< `${NAME}`: a variable of the environment or the configuration.
  };
  Kind kind = Kind::text;
  std::string text;        ///< The text itself, or the name.
  std::size_t offset = 0;  ///< In the definition.
  int line = 1;
  int column = 1;
  Place place = Place::body;

  bool is_text() const { return kind == Kind::text; }
  /// As it is written: `{name}`, `${NAME}`.
  std::string reference() const;
};

using Pieces = std::vector<Piece>;

/// Cuts text that stands at `offset` of the source into pieces. `{name}` is a column, where a name
/// begins with a letter or an underscore and goes on with these and digits; `${NAME}` is a
/// variable;
/// `{{name}}` is the text `{name}`. Any other brace stands for itself, so that JSON can be written
/// as it is. Throws the source's error for a `${` that begins no variable.
Pieces read_pieces(const SourceText& source, std::string_view text, std::size_t offset,
                   Place place);

}  // namespace converge::convergers
