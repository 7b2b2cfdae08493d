#include "src/postgres/rows.h"

#include "src/postgres/rows_data.h"

namespace converge::postgres {

Rows::Rows(std::shared_ptr<const Data> data)
    : data_(std::move(data)),
      size_(data_->result.size()),
      width_(static_cast<std::size_t>(data_->result.columns())) {}

std::optional<std::string_view> Rows::at(std::size_t row, std::size_t column) const {
  const auto field = data_->result[static_cast<pqxx::result::size_type>(row)]
                                  [static_cast<pqxx::row::size_type>(column)];
  if (field.is_null()) return std::nullopt;
  return std::string_view(field.c_str(), field.size());
}

std::string_view Rows::name(std::size_t column) const {
  return data_->result.column_name(static_cast<pqxx::row::size_type>(column));
}

std::uint32_t Rows::type(std::size_t column) const {
  return data_->result.column_type(static_cast<pqxx::row::size_type>(column));
}

}  // namespace converge::postgres
