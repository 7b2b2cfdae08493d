#include "convergers/http_template.h"

#include "convergers/url_text.h"
#include "src/base/text.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <strings.h>

namespace converge::convergers {
namespace {

constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                      "PATCH", "DELETE", "OPTIONS"};
// Of these, what is in the request is not for its author to say.
constexpr std::array<std::string_view, 5> kOurs = {"Host", "Content-Length", "Transfer-Encoding",
                                                   "Connection", "Idempotency-Key"};
constexpr std::string_view kRequestHint =
    "Write `METHOD URL`, then the headers, an empty line and the body, as in .http files.";

bool is_same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// That RFC 9110, section 5.5, has in no value of a header.
bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < ' ' && c != '\t') || byte == 0x7f;
}

class Compiler {
 public:
  Compiler(const SourceText& source, const std::vector<BlockLine>& lines)
      : source_(source), lines_(lines) {}

  HttpTemplate compile();

 private:
  void take_request_line(const BlockLine& line);
  void take_url(std::string_view url, std::size_t offset);
  void check_url_text(const Piece& piece) const;
  void check_origin(std::size_t offset) const;
  void take_header(const BlockLine& line);
  void take_body(std::size_t first);
  void refuse_columns() const;
  void place_in_json();
  void check_json(std::size_t offset) const;

  [[noreturn]] void fail(std::size_t offset, std::string_view message,
                         std::string_view hint) const {
    throw source_.error(offset, message, std::string(hint));
  }

  const SourceText& source_;
  const std::vector<BlockLine>& lines_;
  HttpTemplate result_;
  std::string content_type_;  // Without its parameters, in lower case.
};

HttpTemplate Compiler::compile() {
  take_request_line(lines_.front());
  std::size_t at = 1;
  for (; at < lines_.size() && !lines_[at].text.empty(); ++at) take_header(lines_[at]);
  if (at < lines_.size()) take_body(at + 1);
  return std::move(result_);
}

void Compiler::take_request_line(const BlockLine& line) {
  const std::string_view text = line.text;
  const auto method = text.substr(0, text.find_first_of(" \t"));
  if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end()) {
    fail(line.offset, fmt::format("not a method: {}", printable(method)),
         fmt::format("Write one of {}. {}", fmt::join(kMethods, ", "), kRequestHint));
  }
  result_.method = method;
  const auto start = std::min(text.find_first_not_of(" \t", method.size()), text.size());
  const auto end = std::min(text.find_first_of(" \t", start), text.size());
  if (start == end) fail(line.offset + start, "there is no URL", kRequestHint);
  const auto rest = std::min(text.find_first_not_of(" \t", end), text.size());
  if (rest < text.size() && text.substr(rest) != "HTTP/1.1") {
    fail(line.offset + rest,
         fmt::format("what follows the URL is not HTTP/1.1: {}", printable(text.substr(rest))),
         "Leave it out; a blank of the URL is written %20.");
  }
  take_url(text.substr(start, end - start), line.offset + start);
}

void Compiler::take_url(std::string_view url, std::size_t offset) {
  result_.url = read_pieces(source_, url, offset, Place::url);
  bool in_origin = true;
  std::string before;
  for (Piece& piece : result_.url) {
    if (piece.is_text()) {
      check_url_text(piece);
      // `${SCHEME}://` is not the path yet.
      const auto from = piece.text.starts_with("://") ? 3U : 0U;
      const auto end = before.empty()
                           ? origin_end(piece.text)
                           : std::min(piece.text.find_first_of("/?", from), piece.text.size());
      if (in_origin && end < piece.text.size()) in_origin = false;
      before += piece.text;
    } else if (in_origin && piece.kind == Piece::Kind::column) {
      fail(piece.offset, "a column cannot stand before the path of a URL",
           "Let data never say which host is called: write it, or take a variable.");
    } else {
      if (in_origin) piece.place = Place::base;
      before += piece.reference();
    }
  }
  check_origin(offset);
}

void Compiler::check_url_text(const Piece& piece) const {
  const auto at = find_foreign_byte(piece.text);
  if (at == std::string::npos) return;
  const bool fragment = piece.text[at] == '#';
  const auto rest = std::string_view(piece.text).substr(at);
  const auto character = rest.substr(0, std::max<std::size_t>(1, utf8_length(rest)));
  fail(piece.offset + at,
       fragment ? "a fragment is never sent"
                : fmt::format("not a character of a URL: {}", printable(character)),
       fragment
           ? "Remove it, or write %23."
           : "Write it as % and two hexadecimal digits; {NAME} is a column, ${NAME} a variable.");
}

// What is written out can be judged now; with a variable in it, once that is known.
void Compiler::check_origin(std::size_t offset) const {
  const bool variable = std::any_of(result_.url.begin(), result_.url.end(),
                                    [](const Piece& piece) { return piece.place == Place::base; });
  if (variable) return;
  const auto problem = origin_problem(result_.url.front().text);
  if (problem) {
    fail(offset, "not a URL that can be called: " + *problem,
         "Write it whole, such as https://example.com/clusters/{id}, or begin it with a variable.");
  }
}

void Compiler::take_header(const BlockLine& line) {
  const std::string_view text = line.text;
  const auto colon = text.find(':');
  const auto name = text.substr(0, colon);
  if (colon == std::string_view::npos || !is_token(name)) {
    fail(line.offset, fmt::format("not a header: {}", printable(text)),
         "Write `Name: value`, and an empty line (`--`) before the body.");
  }
  const auto same = [&](std::string_view other) { return is_same(other, name); };
  if (std::any_of(kOurs.begin(), kOurs.end(), same)) {
    fail(line.offset, fmt::format("{} is not for a definition to set", name),
         "Remove it: each request is given the right one.");
  }
  if (std::any_of(result_.headers.begin(), result_.headers.end(),
                  [&](const auto& header) { return same(header.name); })) {
    fail(line.offset, fmt::format("{} is given twice", name), "Remove one of the two.");
  }
  const auto value = trim(text.substr(colon + 1));
  const auto start =
      value.empty() ? text.size() : static_cast<std::size_t>(value.data() - text.data());
  const auto* const control = std::find_if(value.begin(), value.end(), is_control);
  if (control != value.end()) {
    const auto at = static_cast<std::size_t>(control - value.begin());
    fail(line.offset + start + at,
         fmt::format("a control character in a header: {}", printable(value.substr(at, 1))),
         "Remove it: the other side could take what follows for something else.");
  }
  auto pieces = read_pieces(source_, value, line.offset + start, Place::header);
  if (is_same(name, "Content-Type")) {
    const auto reference = std::find_if_not(pieces.begin(), pieces.end(),
                                            [](const Piece& piece) { return piece.is_text(); });
    if (reference != pieces.end()) {
      fail(reference->offset, "Content-Type has a reference",
           "Write it out: it says how what is put into the body is escaped.");
    }
    content_type_ = trim(value.substr(0, value.find(';')));
    std::transform(content_type_.begin(), content_type_.end(), content_type_.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  }
  result_.headers.push_back({.name = std::string(name), .value = std::move(pieces)});
}

void Compiler::take_body(std::size_t first) {
  const bool json = content_type_ == "application/json" || content_type_.ends_with("+json");
  const bool form = content_type_ == "application/x-www-form-urlencoded";
  for (auto at = first; at < lines_.size(); ++at) {
    if (at > first) result_.body.push_back({.text = "\n", .offset = lines_[at].offset});
    auto pieces =
        read_pieces(source_, lines_[at].text, lines_[at].offset, form ? Place::form : Place::body);
    std::move(pieces.begin(), pieces.end(), std::back_inserter(result_.body));
  }
  if (content_type_.empty()) refuse_columns();
  if (json && first < lines_.size()) {
    place_in_json();
    check_json(lines_[first].offset);
  }
}

// What is not said to be JSON, a form or anything else, nobody can know how to escape for.
void Compiler::refuse_columns() const {
  const auto column =
      std::find_if(result_.body.begin(), result_.body.end(),
                   [](const Piece& piece) { return piece.kind == Piece::Kind::column; });
  if (column == result_.body.end()) return;
  fail(column->offset, "the body has a column, and the request no Content-Type",
       "Write a header such as `Content-Type: application/json`: it says how values are escaped. "
       "With text/plain they stand as they are.");
}

// Whether a reference stands in a string is told by the quotes before it.
void Compiler::place_in_json() {
  bool in_string = false;
  bool escaped = false;
  for (Piece& piece : result_.body) {
    piece.place = in_string ? Place::json_text : Place::json_value;
    if (!piece.is_text()) continue;
    for (const char c : piece.text) {
      if (c == '"' && !escaped) in_string = !in_string;
      escaped = in_string && c == '\\' && !escaped;
    }
  }
}

// With something in the place of each reference that cannot be part of what is beside it.
void Compiler::check_json(std::size_t offset) const {
  std::string text;
  for (const Piece& piece : result_.body) {
    text += piece.is_text() ? piece.text : piece.place == Place::json_text ? "x" : " null ";
  }
  try {
    Poco::JSON::Parser().parse(text);
  } catch (const Poco::Exception&) {
    fail(offset, "the body is not JSON, as its Content-Type says",
         "A {column} stands for a whole value, or in a string for a part of it.");
  }
}

}  // namespace

HttpTemplate compile_http(const SourceText& source, const std::vector<BlockLine>& lines) {
  return Compiler(source, lines).compile();
}

}  // namespace converge::convergers
