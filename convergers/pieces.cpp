#include "convergers/pieces.h"

#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace converge::convergers {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Columns may have other letters than those of ASCII; variables never do.
std::string_view name_at(std::string_view text, bool ascii) {
  const auto belongs = [&](char c) {
    return is_ascii_letter(c) || is_digit(c) || c == '_' ||
           (!ascii && static_cast<unsigned char>(c) >= 0x80);
  };
  if (text.empty() || is_digit(text.front())) return {};
  const auto* end = std::find_if_not(text.begin(), text.end(), belongs);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

// The name in `text`, which begins with `open` and goes on with the name and `close`.
std::string_view name_between(std::string_view text, std::string_view open, std::string_view close,
                              bool ascii) {
  if (!text.starts_with(open)) return {};
  text.remove_prefix(open.size());
  const auto name = name_at(text, ascii);
  return text.substr(name.size()).starts_with(close) ? name : std::string_view();
}

class Cutter {
 public:
  Cutter(const SourceText& source, std::size_t offset, Place place)
      : source_(source), offset_(offset), place_(place) {}

  Pieces cut(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) at += take(text.substr(at), at);
    return std::move(pieces_);
  }

 private:
  // How many bytes the next piece takes.
  std::size_t take(std::string_view rest, std::size_t at) {
    if (const auto name = name_between(rest, "${", "}", true); !name.empty()) {
      add(Piece::Kind::variable, name, at);
      return name.size() + 3;
    }
    if (rest.starts_with("${")) {
      throw source_.error(
          offset_ + at, "this ${ begins no variable",
          "Write ${NAME}, the name of letters, digits and underscores without blanks.");
    }
    if (const auto name = name_between(rest, "{{", "}}", false); !name.empty()) {
      add_text(rest.substr(1, name.size() + 2), at);
      return name.size() + 4;
    }
    if (const auto name = name_between(rest, "{", "}", false); !name.empty()) {
      add(Piece::Kind::column, name, at);
      return name.size() + 2;
    }
    const auto plain = std::max<std::size_t>(1, std::min(rest.find_first_of("${", 1), rest.size()));
    add_text(rest.substr(0, plain), at);
    return plain;
  }

  void add_text(std::string_view text, std::size_t at) {
    if (!pieces_.empty() && pieces_.back().is_text()) {
      pieces_.back().text += text;
    } else {
      add(Piece::Kind::text, text, at);
    }
  }

  void add(Piece::Kind kind, std::string_view text, std::size_t at) {
    pieces_.push_back({.kind = kind,
                       .text = std::string(text),
                       .offset = offset_ + at,
                       .line = source_.line(offset_ + at),
                       .column = source_.column(offset_ + at),
                       .place = place_});
  }

  const SourceText& source_;
  std::size_t offset_;
  Place place_;
  Pieces pieces_;
};

}  // namespace

std::string Piece::reference() const {
  return fmt::format("{}{{{}}}", kind == Kind::variable ? "$" : "", text);
}

Pieces read_pieces(const SourceText& source, std::string_view text, std::size_t offset,
                   Place place) {
  return Cutter(source, offset, place).cut(text);
}

}  // namespace converge::convergers
