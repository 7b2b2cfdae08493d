#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace converge::postgres {

/// The rows that one statement returned, in PostgreSQL's text form. Cheap to copy (shared).
class Rows {
 public:
  struct Data;

  Rows() = default;
  explicit Rows(std::shared_ptr<const Data> data);

  std::size_t size() const { return size_; }
  std::size_t width() const { return width_; }
  bool empty() const { return size_ == 0; }

  /// Absent when null; the view lives as long as a copy of these rows. Throws where there is no
  /// such cell: what a server answers is not ours to trust.
  std::optional<std::string_view> at(std::size_t row, std::size_t column) const {
    if (row >= size_ || column >= width_) throw_no_cell();
    return cells_[row * width_ + column];
  }
  std::string_view name(std::size_t column) const;
  std::uint32_t type(std::size_t column) const;  ///< The type's oid; a domain's base type.

 private:
  [[noreturn]] static void throw_no_cell();

  std::shared_ptr<const Data> data_;
  const std::optional<std::string_view>* cells_ = nullptr;  ///< Row by row, in `data_`.
  std::size_t size_ = 0;
  std::size_t width_ = 0;
};

/// Type oids that are fixed in PostgreSQL's catalog (pg_type.dat).
inline constexpr std::uint32_t kBool = 16;
inline constexpr std::uint32_t kInt8 = 20;
inline constexpr std::uint32_t kInt2 = 21;
inline constexpr std::uint32_t kInt4 = 23;

}  // namespace converge::postgres
