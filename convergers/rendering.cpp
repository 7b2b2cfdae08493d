#include "convergers/rendering.h"

#include "convergers/url_text.h"
#include "src/base/error.h"
#include "src/base/json_object.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace converge::convergers {
namespace {

// Oids of pg_type.dat, which never change.
constexpr std::uint32_t kBool = 16;
constexpr std::array<std::uint32_t, 7> kNumbers = {20, 21, 23, 26, 700, 701, 1700};
constexpr std::array<std::uint32_t, 2> kJson = {114, 3802};

bool is_hidden(const Rendering& rendering, const std::string& column) {
  return rendering.hidden != nullptr &&
         std::find(rendering.hidden->begin(), rendering.hidden->end(), column) !=
             rendering.hidden->end();
}

std::string_view name_of(Place place) {
  switch (place) {
    case Place::base:
    case Place::url:
      return "the URL";
    case Place::header:
      return "a header";
    case Place::argument:
      return "an argument";
    default:
      return "the body";
  }
}

std::string named(const Piece& piece) {
  return fmt::format("{} {}", piece.kind == Piece::Kind::column ? "column" : "variable",
                     printable(piece.text));
}

void require_fit(const Piece& piece, std::string_view value) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (piece.place == Place::header && std::any_of(value.begin(), value.end(), is_control)) {
    throw Error(
        ErrorKind::failure,
        fmt::format("{} has a control character, and stands in a header", named(piece)),
        "A line break would begin another header: correct the value, or let find remove it.");
  }
  if (piece.place == Place::argument && value.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::failure,
                fmt::format("{} has a NUL byte, and stands in an argument", named(piece)));
  }
}

std::string escaped(Place place, std::string_view value, std::uint32_t type) {
  switch (place) {
    case Place::url:
      return percent_encoded(value);
    case Place::form:
      return form_encoded(value);
    case Place::json_text: {
      const auto quoted = json_string(value);
      return quoted.substr(1, quoted.size() - 2);
    }
    case Place::json_value:
      return json_of(value, type);
    default:
      return std::string(value);
  }
}

std::string column_value(const Piece& piece, const Rendering& rendering) {
  if (is_hidden(rendering, piece.text)) return piece.reference();
  const auto place = rendering.subject.place(piece.text);
  if (!place) {
    throw Error(ErrorKind::failure, fmt::format("find returns no {}", named(piece)));
  }
  const auto value = rendering.subject.value(*place);
  if (!value && piece.place == Place::json_value) return "null";
  if (!value) {
    throw Error(ErrorKind::failure,
                fmt::format("{} is null, and stands in {}", named(piece), name_of(piece.place)),
                "Let find leave such subjects out, or give them a value with coalesce().");
  }
  require_fit(piece, *value);
  return escaped(piece.place, *value, rendering.subject.type(*place));
}

std::string variable_value(const Piece& piece, const Variables* variables) {
  if (variables == nullptr) return piece.reference();
  const auto value = variables->find(piece.text);
  if (!value) throw Error(ErrorKind::failure, fmt::format("{} is not set", named(piece)));
  require_fit(piece, *value);
  return escaped(piece.place, *value, 0);
}

std::string piece_value(const Piece& piece, const Rendering& rendering) {
  if (piece.is_text()) return piece.text;
  return piece.kind == Piece::Kind::column ? column_value(piece, rendering)
                                           : variable_value(piece, rendering.variables);
}

// The segment of the path around these bytes of a URL.
std::string_view segment_around(std::string_view url, std::size_t begin, std::size_t end) {
  const auto slash = url.substr(0, begin).rfind('/');
  const auto first = slash == std::string_view::npos ? 0 : slash + 1;
  return url.substr(first, std::min(url.find_first_of("/?", end), url.size()) - first);
}

}  // namespace

std::string render(const Pieces& pieces, const Rendering& rendering) {
  std::string text;
  for (const Piece& piece : pieces) text += piece_value(piece, rendering);
  return text;
}

std::string render_url(const Pieces& pieces, const Rendering& rendering) {
  struct Span {
    const Piece* piece;
    std::size_t begin;
    std::size_t end;
  };
  if (rendering.variables != nullptr) require_origin(pieces, *rendering.variables);
  std::string url;
  std::vector<Span> spans;
  for (const Piece& piece : pieces) {
    const auto begin = url.size();
    url += piece_value(piece, rendering);
    if (piece.place == Place::url && !piece.is_text()) spans.push_back({&piece, begin, url.size()});
  }
  for (const Span& span : spans) {
    if (url.find('?') < span.begin) break;
    if (!is_walking_segment(segment_around(url, span.begin, span.end))) continue;
    throw Error(
        ErrorKind::failure,
        fmt::format("{} makes a segment of the URL's path empty, . or ..", named(*span.piece)),
        "The request would go to another resource: correct the value, or let find leave "
        "the subject out.");
  }
  return url;
}

void require_origin(const Pieces& url, const Variables& variables) {
  const auto column = std::find_if(
      url.begin(), url.end(), [](const Piece& piece) { return piece.kind == Piece::Kind::column; });
  std::string before;
  std::for_each(url.begin(), column, [&](const Piece& piece) {
    before += piece.is_text() ? piece.text : variable_value(piece, &variables);
  });
  auto problem = origin_problem(before);
  if (find_foreign_byte(before) != std::string::npos) {
    problem = "it has a character that no URL has";
  } else if (!problem && column != url.end() && origin_end(before) == before.size()) {
    problem = "a column would stand before its path";
  }
  if (!problem) return;
  throw Error(ErrorKind::failure, "with its variables the URL cannot be called: " + *problem,
              "Set the variable that the URL begins with to one such as https://example.com/api.");
}

void require_known(const Pieces& pieces, const std::vector<std::string>& columns,
                   const Variables& variables, const std::string& path, const std::string& what) {
  for (const Piece& piece : pieces) {
    const auto place = fmt::format("{}:{}:{}: {}: ", path, piece.line, piece.column, what);
    if (piece.kind == Piece::Kind::column &&
        std::find(columns.begin(), columns.end(), piece.text) == columns.end()) {
      const auto near = nearest(piece.text, columns);
      throw Error(ErrorKind::failure, place + "find returns no " + named(piece),
                  near ? fmt::format("Did you mean {}?", *near)
                       : "It returns " + fmt::format("{}.", fmt::join(columns, ", ")));
    }
    if (piece.kind == Piece::Kind::variable && !variables.find(piece.text)) {
      throw Error(ErrorKind::failure, place + named(piece) + " is not set",
                  "Set it in the environment, or under [variables] in the configuration.");
    }
  }
}

bool is_number(std::uint32_t type) {
  return std::find(kNumbers.begin(), kNumbers.end(), type) != kNumbers.end();
}

std::string json_of(std::optional<std::string_view> value, std::uint32_t type) {
  if (!value) return "null";
  if (type == kBool) return *value == "t" ? "true" : "false";
  const bool json = std::find(kJson.begin(), kJson.end(), type) != kJson.end();
  // NaN and Infinity are numbers to PostgreSQL, and none to JSON.
  const bool number =
      is_number(type) && value->find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  if (!json && !number) return json_string(*value);
  // Line breaks in JSON are blanks between its parts, and what reads it line by line wants none.
  std::string text(*value);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

std::string json_of(const Rendering& rendering) {
  JsonObject object;
  for (std::size_t column = 0; column < rendering.subject.width(); ++column) {
    const auto& name = rendering.subject.name(column);
    object.add_raw(name, is_hidden(rendering, name) ? json_string(fmt::format("{{{}}}", name))
                                                    : json_of(rendering.subject.value(column),
                                                              rendering.subject.type(column)));
  }
  return object.text();
}

}  // namespace converge::convergers
