#include "convergers/redactor.h"

#include "src/base/text.h"

#include <algorithm>

namespace converge::convergers {
namespace {

constexpr std::size_t kShortest = 4;
// Less of base64 is found by chance.
constexpr std::size_t kShortestBase64 = 8;

std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> characters;
  while (!text.empty()) {
    const auto size_bytes = std::max<std::size_t>(1, utf8_length(text));
    characters.emplace_back(text.substr(0, size_bytes));
    text.remove_prefix(size_bytes);
  }
  return characters;
}

std::size_t index_of(char byte) { return static_cast<unsigned char>(byte); }

}  // namespace

Redactor::Redactor(const Variables& variables, const Pieces& pieces) {
  for (const Piece& piece : pieces) {
    if (piece.kind != Piece::Kind::variable) continue;
    const auto value = variables.find(piece.text);
    if (!value || value->size() < kShortest) continue;
    add(piece.reference(), *value);
    for (const std::string& coded : base64_spellings(*value)) {
      if (coded.size() >= kShortestBase64) add(piece.reference(), coded);
    }
  }
  // A value may be a part of another.
  std::stable_sort(secrets_.begin(), secrets_.end(),
                   [](const auto& a, const auto& b) { return a.value.size() > b.value.size(); });
  for (const Secret& secret : secrets_) beginnings_.set(index_of(secret.value.front()));
  if (secrets_.empty()) return;
  for (const char escape : kEscapes) beginnings_.set(index_of(escape));
  beginnings_.set(index_of(kReplacement.front()));
}

void Redactor::add(const std::string& name, std::string value) {
  const auto known = [&](const Secret& other) { return other.value == value; };
  if (std::any_of(secrets_.begin(), secrets_.end(), known)) return;
  auto characters = characters_of(value);
  secrets_.push_back(
      {.value = std::move(value), .characters = std::move(characters), .reference = name});
}

Redactor::Found Redactor::find(const Secret& secret, std::string_view text,
                               std::vector<std::size_t>& places, SpellingEnds& found) {
  // Where what has been found so far may end: a backslash may be one, or the first of two.
  places.assign(1, 0);
  found.begun = false;
  for (const std::string& character : secret.characters) {
    found.ends.clear();
    for (const std::size_t place : places) add_spellings(text, place, character, found);
    if (found.ends.size() > 1) {
      std::sort(found.ends.begin(), found.ends.end());
      found.ends.erase(std::unique(found.ends.begin(), found.ends.end()), found.ends.end());
    }
    places.swap(found.ends);
    if (places.empty()) return {.begun = found.begun};
  }
  return {.size_bytes = places.back(), .begun = found.begun};
}

std::string Redactor::redact(std::string_view text, bool cut) const {
  std::vector<std::size_t> places;
  SpellingEnds ends;
  std::string redacted;
  while (!text.empty()) {
    std::size_t taken = 1;
    std::string_view shown = text.substr(0, 1);
    if (beginnings_.test(index_of(text.front()))) {
      bool begun = false;
      bool found = false;
      for (const Secret& secret : secrets_) {
        const Found here = find(secret, text, places, ends);
        begun = begun || here.begun;
        if (found || here.size_bytes == 0) continue;
        found = true;
        taken = here.size_bytes;
        shown = secret.reference;
      }
      if (cut && begun) break;
    }
    redacted += shown;
    text.remove_prefix(taken);
  }
  return redacted;
}

}  // namespace converge::convergers
