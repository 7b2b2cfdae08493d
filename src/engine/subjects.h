#pragma once

#include "src/postgres/rows.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::engine {

/// Whether all keys come in ascending order of length and bytes, as numbers and identifiers do that
/// an index gives: then none stands twice, and nothing more need be remembered of them.
class Ascent {
 public:
  bool holds() const { return holds_; }
  void add(std::string_view key);

 private:
  bool holds_ = true;
  std::optional<std::string> last_;
};

/// Rows of find, in PostgreSQL's text form; the first column is the key. A key may be absent (null)
/// until `require_usable_keys` has been called.
class Subjects {
 public:
  explicit Subjects(std::size_t width = 1) : width_(width) {}
  explicit Subjects(const postgres::Rows& rows);

  std::size_t size() const { return cells_.size() / width_; }
  std::size_t width() const { return width_; }
  bool empty() const { return cells_.empty(); }

  /// Absent when null. Valid until the subjects change.
  std::optional<std::string_view> cell(std::size_t row, std::size_t column) const;
  std::string_view key(std::size_t row) const { return cell(row, 0).value_or(std::string_view()); }

  void append(const Subjects& other, std::size_t row);
  /// A row of as many cells as these subjects are wide.
  void append(std::initializer_list<std::optional<std::string_view>> row);
  void append(const std::vector<std::optional<std::string_view>>& row);
  Subjects slice(std::size_t begin, std::size_t end) const;

  /// A column as the text of a PostgreSQL array.
  std::string array(std::size_t column) const;

  /// All of them as bytes, and back; for a `Spool`.
  std::string encode() const;
  static Subjects decode(std::string_view bytes);

  /// Throws `Error{failure}` when a key is null or stands twice.
  void require_usable_keys() const;

 private:
  struct Cell {
    std::uint32_t offset;
    std::int32_t size;  ///< -1: null.
  };
  void append_cell(std::optional<std::string_view> value);

  std::size_t width_;
  std::vector<Cell> cells_;  ///< Row by row.
  std::string bytes_;
};

[[noreturn]] void throw_null_key();
[[noreturn]] void throw_key_twice(std::string_view key);

}  // namespace converge::engine
