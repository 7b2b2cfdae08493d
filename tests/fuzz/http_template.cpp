// The lines of a request, and behind a NUL each the values of its columns and variables in turn.
// The request is refused with a place in it and a hint, or, whatever a column's value is, it goes
// where it would go with a harmless one: no value adds a segment or a parameter to the URL, another
// header, a field to a form, or breaks a body of JSON.

#include "convergers/http_template.h"

#include "convergers/rendering.h"
#include "convergers/url_text.h"
#include "src/engine/outside.h"
#include "src/engine/subjects.h"
#include "tests/fuzz/target.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace converge::fuzz {
namespace {

using namespace convergers;

constexpr const char* kPath = "/etc/converge/convergers/a.sql";
constexpr std::uint32_t kText = 25;  // The oid of pg_type.dat.

/// As a comment block gives them: none of them has blanks at its end, the first is not empty.
std::vector<BlockLine> lines_of(std::string_view text) {
  std::vector<BlockLine> lines;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    const auto shown = line.substr(0, line.find_last_not_of(" \t\f\v\r") + 1);
    if (!lines.empty() || !shown.empty()) lines.push_back({std::string(shown), at});
    at = end + 1;
  }
  return lines;
}

/// What is put into a request. A value is given to each name at its first appearance; they are
/// those of the input, then `x`.
class Values {
 public:
  explicit Values(std::string_view given) : given_(given) {}

  void add(const Pieces& pieces) {
    for (const Piece& piece : pieces) {
      if (piece.is_text() || !names_.insert(piece.reference()).second) continue;
      const auto value = take();
      if (piece.kind == Piece::Kind::variable) {
        variables_[piece.text] = value;
      } else {
        columns_.push_back(piece.text);
        values_.push_back(value);
      }
    }
  }

  struct Sent {
    std::string url;
    std::vector<std::string> headers;
    std::string body;
  };
  /// The request with these columns, or with `x` for each.
  Sent send(const HttpTemplate& request, bool harmless) const {
    const std::vector<std::uint32_t> types(columns_.size(), kText);
    std::vector<std::optional<std::string_view>> cells(values_.begin(), values_.end());
    if (harmless) std::fill(cells.begin(), cells.end(), "x");
    engine::Subjects subjects(columns_.size());
    subjects.append(cells);
    const engine::SubjectRow row(columns_, types, subjects, 0);
    const Variables variables(variables_);
    const Rendering rendering{.subject = row, .variables = &variables};
    Sent sent{.url = render_url(request.url, rendering), .headers = {}, .body = {}};
    for (const auto& header : request.headers) {
      sent.headers.push_back(render(header.value, rendering));
    }
    sent.body = render(request.body, rendering);
    return sent;
  }

 private:
  std::string take() {
    if (given_.empty()) return "x";
    const auto value = given_.substr(0, given_.find('\0'));
    given_.remove_prefix(std::min(value.size() + 1, given_.size()));
    return std::string(value);
  }

  std::string_view given_;
  std::set<std::string> names_;
  std::map<std::string, std::string> variables_;
  std::vector<std::string> columns_ = {"a key"};  // Which no reference can name.
  std::vector<std::string> values_ = {"1"};
};

/// How often each of the marks stands in a text.
std::vector<std::ptrdiff_t> marks(std::string_view text, std::string_view among) {
  std::vector<std::ptrdiff_t> counts;
  for (const char mark : among) counts.push_back(std::count(text.begin(), text.end(), mark));
  return counts;
}

bool is_placed(const Pieces& pieces, std::initializer_list<Place> places) {
  return std::any_of(pieces.begin(), pieces.end(), [&](const Piece& piece) {
    return !piece.is_text() && std::find(places.begin(), places.end(), piece.place) != places.end();
  });
}

void claim_json(const std::string& body) {
  try {
    Poco::JSON::Parser().parse(body);
  } catch (const Poco::Exception& error) {
    claim(false, "a value breaks a body of JSON", body);
  }
}

void claim_harmless(const HttpTemplate& request, const Values::Sent& sent,
                    const Values::Sent& harmless) {
  claim(find_foreign_byte(sent.url) == std::string::npos, "what is no URL", sent.url);
  claim(!origin_problem(sent.url), "a URL of no host", sent.url);
  claim(
      sent.url.substr(0, origin_end(sent.url)) == harmless.url.substr(0, origin_end(harmless.url)),
      "a column chooses the host", sent.url);
  claim(marks(sent.url, "/?#&=;:@") == marks(harmless.url, "/?#&=;:@"),
        "a value adds something to the URL", sent.url);
  for (const auto& header : sent.headers) {
    // A tab may stand between the words of a value (RFC 9110, 5.5).
    claim(std::none_of(header.begin(), header.end(),
                       [](char c) {
                         return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
                       }),
          "a control character in a header", header);
  }
  if (is_placed(request.body, {Place::form})) {
    claim(marks(sent.body, "&=\n") == marks(harmless.body, "&=\n"), "a value adds a field",
          sent.body);
  }
  if (is_placed(request.body, {Place::json_text, Place::json_value})) claim_json(sent.body);
}

}  // namespace

void http_template(std::string_view input) {
  const auto text = input.substr(0, input.find('\0'));
  const auto lines = lines_of(text);
  if (lines.empty()) return;
  const SourceText source(kPath, text);
  HttpTemplate request;
  const auto compile = [&] {
    source.require_utf8_text("Shorten it.");
    request = compile_http(source, lines);
  };
  if (const auto error = error_of(compile)) {
    claim_placed(*error, kPath, text);
    return;
  }
  Values values(input.substr(std::min(text.size() + 1, input.size())));
  values.add(request.url);
  for (const auto& header : request.headers) values.add(header.value);
  values.add(request.body);
  std::optional<Values::Sent> sent;
  std::optional<Values::Sent> harmless;
  error_of([&] { sent = values.send(request, false); });
  error_of([&] { harmless = values.send(request, true); });
  if (sent && harmless) claim_harmless(request, *sent, *harmless);
}

}  // namespace converge::fuzz
