#include "convergers/redactor.h"

#include "convergers/url_text.h"
#include "src/base/text.h"

#include <algorithm>

namespace converge::convergers {
namespace {

constexpr std::size_t kShortest = 4;

}  // namespace

Redactor::Redactor(const Variables& variables, const Pieces& pieces) {
  for (const Piece& piece : pieces) {
    if (piece.kind != Piece::Kind::variable) continue;
    const auto value = variables.find(piece.text);
    if (!value) continue;
    const auto json = json_string(*value);
    add(piece.reference(), *value);
    add(piece.reference(), percent_encoded(*value));
    add(piece.reference(), form_encoded(*value));
    add(piece.reference(), json.substr(1, json.size() - 2));
  }
  // A value may be a part of another.
  std::stable_sort(references_.begin(), references_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

void Redactor::add(const std::string& name, std::string value) {
  const auto known = [&](const auto& other) { return other.first == value; };
  if (value.size() < kShortest || std::any_of(references_.begin(), references_.end(), known)) {
    return;
  }
  references_.emplace_back(std::move(value), name);
}

std::string Redactor::redact(std::string_view text, bool cut) const {
  const auto may_begin_one = [&] {
    return std::any_of(references_.begin(), references_.end(), [&](const auto& known) {
      return known.first.size() > text.size() && known.first.starts_with(text);
    });
  };
  std::string redacted;
  while (!text.empty() && !(cut && may_begin_one())) {
    const auto here = std::find_if(references_.begin(), references_.end(), [&](const auto& known) {
      return text.starts_with(known.first);
    });
    const bool found = here != references_.end();
    redacted += found ? std::string_view(here->second) : text.substr(0, 1);
    text.remove_prefix(found ? here->first.size() : 1);
  }
  return redacted;
}

}  // namespace converge::convergers
