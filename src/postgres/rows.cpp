#include "src/postgres/rows.h"

#include "src/base/error.h"
#include "src/postgres/rows_data.h"

namespace converge::postgres {

/// All cells at once: each row or field that libpqxx makes counts references to the result up and
/// down again, which costs more than the cell itself; an iterator does so once a row.
Rows::Data::Data(const pqxx::result& rows) : result(rows), size(rows.size()) {
  for (pqxx::row::size_type column = 0; column < result.columns(); ++column) {
    names.emplace_back(result.column_name(column));
    types.push_back(result.column_type(column));
  }
  cells.reserve(size * names.size());
  for (auto row = result.begin(); row != result.end(); ++row) {
    auto field = row->begin();
    for (std::size_t column = 0; column < names.size(); ++column, ++field) {
      cells.push_back(field->is_null()
                          ? std::nullopt
                          : std::optional(std::string_view(field->c_str(), field->size())));
    }
  }
}

Rows::Data::Data(PgResult rows)
    : pipelined(std::move(rows)), size(static_cast<std::size_t>(PQntuples(pipelined.get()))) {
  const PGresult* all = pipelined.get();
  for (int column = 0; column < PQnfields(all); ++column) {
    names.emplace_back(PQfname(all, column));
    types.push_back(PQftype(all, column));
  }
  cells.reserve(size * names.size());
  for (int row = 0; row < PQntuples(all); ++row) {
    for (int column = 0; column < PQnfields(all); ++column) {
      cells.push_back(PQgetisnull(all, row, column) == 1
                          ? std::nullopt
                          : std::optional(std::string_view(
                                PQgetvalue(all, row, column),
                                static_cast<std::size_t>(PQgetlength(all, row, column)))));
    }
  }
}

Rows::Rows(std::shared_ptr<const Data> data)
    : data_(std::move(data)),
      cells_(data_->cells.data()),
      size_(data_->size),
      width_(data_->names.size()) {}

void Rows::throw_no_cell() {
  throw Error(ErrorKind::failure,
              "the server's answer has fewer rows or columns than were asked for",
              "Is it PostgreSQL, and do its own functions stand where they should?");
}

std::string_view Rows::name(std::size_t column) const { return data_->names[column]; }

std::uint32_t Rows::type(std::size_t column) const { return data_->types[column]; }

}  // namespace converge::postgres
