#include "src/postgres/rows.h"

#include "src/postgres/rows_data.h"

namespace converge::postgres {

/// All cells at once: each row or field that libpqxx makes counts references to the result up and
/// down again, which costs more than the cell itself; an iterator does so once a row.
Rows::Data::Data(const pqxx::result& rows) : result(rows) {
  const auto width = static_cast<std::size_t>(result.columns());
  cells.reserve(result.size() * width);
  for (auto row = result.begin(); row != result.end(); ++row) {
    auto field = row->begin();
    for (std::size_t column = 0; column < width; ++column, ++field) {
      cells.push_back(field->is_null()
                          ? std::nullopt
                          : std::optional(std::string_view(field->c_str(), field->size())));
    }
  }
}

Rows::Rows(std::shared_ptr<const Data> data)
    : data_(std::move(data)),
      cells_(data_->cells.data()),
      size_(data_->result.size()),
      width_(static_cast<std::size_t>(data_->result.columns())) {}

std::string_view Rows::name(std::size_t column) const {
  return data_->result.column_name(static_cast<pqxx::row::size_type>(column));
}

std::uint32_t Rows::type(std::size_t column) const {
  return data_->result.column_type(static_cast<pqxx::row::size_type>(column));
}

}  // namespace converge::postgres
