#include "src/engine/owed_row.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace converge::engine {

namespace {

std::string json_strings(const std::vector<std::string>& texts) {
  std::string json;
  for (const std::string& text : texts) {
    json += json.empty() ? '[' : ',';
    append_json_string(json, text);
  }
  return json + (json.empty() ? "[]" : "]");
}

std::vector<std::string> strings(const Poco::JSON::Array& array) {
  std::vector<std::string> texts;
  for (unsigned index = 0; index < array.size(); ++index) {
    texts.push_back(array.getElement<std::string>(index));
  }
  return texts;
}

}  // namespace

std::string OwedRow::encode() const {
  std::string values;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    if (column > 0) values += ',';
    const auto value = subject.cell(0, column);
    if (value) append_json_string(values, *value);
    if (!value) values += "null";
  }
  return fmt::format(R"({{"steps":{},"columns":{},"values":[{}]}})", json_strings(steps),
                     json_strings(columns), values);
}

OwedRow OwedRow::decode(const std::string& json) {
  try {
    const auto object = Poco::JSON::Parser().parse(json).extract<Poco::JSON::Object::Ptr>();
    const auto columns = object->getArray("columns");
    const auto values = object->getArray("values");
    OwedRow row{.steps = strings(*object->getArray("steps")),
                .columns = strings(*columns),
                .subject = Subjects(columns->size())};
    std::vector<std::optional<std::string>> cells;
    for (unsigned column = 0; column < columns->size(); ++column) {
      cells.push_back(values->isNull(column)
                          ? std::nullopt
                          : std::optional(values->getElement<std::string>(column)));
    }
    row.subject.append(std::vector<std::optional<std::string_view>>(cells.begin(), cells.end()));
    return row;
  } catch (const Poco::Exception& error) {
    throw Error(ErrorKind::failure,
                "the journal keeps what is owed to a subject in a way that cannot be read: " +
                    error.displayText());
  }
}

OwedRow OwedRow::of(const Subjects& subjects, std::size_t row,
                    const std::vector<std::string>& columns, std::vector<std::string> steps,
                    const std::vector<std::string>& redact) {
  OwedRow kept{.steps = std::move(steps), .columns = {}, .subject = Subjects()};
  std::vector<std::optional<std::string_view>> cells;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    if (std::find(redact.begin(), redact.end(), columns[column]) != redact.end()) continue;
    kept.columns.push_back(columns[column]);
    cells.push_back(subjects.cell(row, column));
  }
  kept.subject = Subjects(cells.size());
  kept.subject.append(cells);
  return kept;
}

Subjects OwedRow::as(const std::vector<std::string>& wanted, const Subjects& now) const {
  std::vector<std::optional<std::string_view>> cells{subject.key(0)};  // By whatever name.
  for (std::size_t column = 1; column < wanted.size(); ++column) {
    const auto known = std::find(columns.begin(), columns.end(), wanted[column]);
    const auto place = static_cast<std::size_t>(known - columns.begin());
    const auto otherwise = now.empty() ? std::nullopt : now.cell(0, column);
    cells.push_back(known == columns.end() ? otherwise : subject.cell(0, place));
  }
  Subjects row(wanted.size());
  row.append(cells);
  return row;
}

}  // namespace converge::engine
