#include "src/engine/subjects.h"

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/postgres/session.h"

#include <fmt/core.h>

#include <array>
#include <cstring>
#include <unordered_set>
#include <utility>

namespace converge::engine {

void Ascent::add(std::string_view key) {
  if (!holds_) return;
  const auto rank = [](std::string_view text) { return std::pair(text.size(), text); };
  holds_ = !last_ || rank(*last_) < rank(key);
  last_ = key;
}

Subjects::Subjects(const postgres::Rows& rows) : width_(rows.width()) {
  cells_.reserve(rows.size() * width_);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < width_; ++column) append_cell(rows.at(row, column));
  }
}

std::optional<std::string_view> Subjects::cell(std::size_t row, std::size_t column) const {
  const Cell& cell = cells_[row * width_ + column];
  if (cell.size < 0) return std::nullopt;
  return std::string_view(bytes_).substr(cell.offset, static_cast<std::size_t>(cell.size));
}

void Subjects::append_cell(std::optional<std::string_view> value) {
  const auto offset = static_cast<std::uint32_t>(bytes_.size());
  cells_.push_back({offset, value ? static_cast<std::int32_t>(value->size()) : -1});
  if (value) bytes_ += *value;
}

void Subjects::append(const Subjects& other, std::size_t row) {
  for (std::size_t column = 0; column < width_; ++column) append_cell(other.cell(row, column));
}

void Subjects::append(std::initializer_list<std::optional<std::string_view>> row) {
  for (const auto& value : row) append_cell(value);
}

void Subjects::append(const std::vector<std::optional<std::string_view>>& row) {
  for (const auto& value : row) append_cell(value);
}

Subjects Subjects::slice(std::size_t begin, std::size_t end) const {
  Subjects part(width_);
  for (std::size_t row = begin; row < end; ++row) part.append(*this, row);
  return part;
}

std::string Subjects::array(std::size_t column) const {
  std::string text;
  for (std::size_t row = 0; row < size(); ++row) {
    postgres::append_array_element(text, cell(row, column));
  }
  postgres::close_array(text);
  return text;
}

std::string Subjects::encode() const {
  const std::array<std::size_t, 2> sizes = {width_, cells_.size()};
  const std::size_t cells_bytes = cells_.size() * sizeof(Cell);
  std::string bytes;
  bytes.reserve(sizeof sizes + cells_bytes + bytes_.size());
  bytes.append(reinterpret_cast<const char*>(sizes.data()), sizeof sizes);
  bytes.append(reinterpret_cast<const char*>(cells_.data()), cells_bytes);
  return bytes += bytes_;
}

Subjects Subjects::decode(std::string_view bytes) {
  std::array<std::size_t, 2> sizes{};
  std::memcpy(sizes.data(), bytes.data(), sizeof sizes);
  bytes.remove_prefix(sizeof sizes);
  Subjects subjects(sizes[0]);
  subjects.cells_.resize(sizes[1]);
  const std::size_t cells_bytes = sizes[1] * sizeof(Cell);
  if (cells_bytes > 0) std::memcpy(subjects.cells_.data(), bytes.data(), cells_bytes);
  subjects.bytes_ = bytes.substr(cells_bytes);
  return subjects;
}

void Subjects::require_usable_keys() const {
  Ascent ascent;
  for (std::size_t row = 0; row < size(); ++row) {
    if (!cell(row, 0)) throw_null_key();
    ascent.add(key(row));
  }
  if (ascent.holds()) return;
  std::unordered_set<std::string_view> seen;
  seen.reserve(size());
  for (std::size_t row = 0; row < size(); ++row) {
    if (!seen.insert(key(row)).second) throw_key_twice(key(row));
  }
}

void throw_null_key() {
  throw Error(ErrorKind::failure, "find returned a null key",
              "The first column of find names the subject; make it not null.");
}

void throw_key_twice(std::string_view key) {
  throw Error(ErrorKind::failure, fmt::format("find returned the key {} twice", printable(key)),
              "The first column of find must be unique; a join may need `distinct` or `exists`.");
}

}  // namespace converge::engine
