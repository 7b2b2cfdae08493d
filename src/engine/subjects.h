#pragma once

#include "src/postgres/rows.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::engine {

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
  Subjects slice(std::size_t begin, std::size_t end) const;

  /// A column as the text of a PostgreSQL array.
  std::string array(std::size_t column) const;

  /// A row as bytes, and back; for a `Spool`.
  std::string encode(std::size_t row) const;
  void encode(std::size_t row, std::string& record) const;
  void append_encoded(std::string_view record);
  /// The one row of a record, as wide as that is.
  static Subjects decoded(std::string_view record);
  /// The key in an encoded row.
  static std::string_view encoded_key(std::string_view record);

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
