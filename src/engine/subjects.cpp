#include "src/engine/subjects.h"

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/postgres/session.h"

#include <fmt/core.h>

#include <cstring>
#include <unordered_set>

namespace converge::engine {

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

std::string Subjects::encode(std::size_t row) const {
  std::string record;
  encode(row, record);
  return record;
}

void Subjects::encode(std::size_t row, std::string& record) const {
  record.clear();
  for (std::size_t column = 0; column < width_; ++column) {
    const auto value = cell(row, column);
    const std::int32_t size = value ? static_cast<std::int32_t>(value->size()) : -1;
    record.append(reinterpret_cast<const char*>(&size), sizeof size);
    if (value) record += *value;
  }
}

void Subjects::append_encoded(std::string_view record) {
  while (!record.empty()) {
    std::int32_t size = 0;
    std::memcpy(&size, record.data(), sizeof size);
    record.remove_prefix(sizeof size);
    if (size < 0) {
      append_cell(std::nullopt);
    } else {
      append_cell(record.substr(0, static_cast<std::size_t>(size)));
      record.remove_prefix(static_cast<std::size_t>(size));
    }
  }
}

Subjects Subjects::decoded(std::string_view record) {
  Subjects row;
  row.append_encoded(record);
  row.width_ = row.cells_.size();
  return row;
}

std::string_view Subjects::encoded_key(std::string_view record) {
  std::int32_t size = 0;
  std::memcpy(&size, record.data(), sizeof size);
  return record.substr(sizeof size, static_cast<std::size_t>(size));
}

void Subjects::require_usable_keys() const {
  std::unordered_set<std::string_view> seen;
  seen.reserve(size());
  for (std::size_t row = 0; row < size(); ++row) {
    if (!cell(row, 0)) throw_null_key();
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
