#pragma once

#include "convergers/definition.h"
#include "src/engine/outside.h"
#include "src/engine/subjects.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace converge::tests {

/// A subject for steps outside the database.
class OneSubject {
 public:
  struct Column {
    std::string name;
    std::optional<std::string> value;
    std::uint32_t type = 25;  ///< An oid; that of text.
  };
  OneSubject(std::initializer_list<Column> columns) : subjects_(columns.size()) {
    for (const Column& column : columns) {
      names_.push_back(column.name);
      types_.push_back(column.type);
      subjects_.append({column.value});
    }
  }

  engine::SubjectRow row() const { return {names_, types_, subjects_, 0}; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::vector<std::uint32_t> types_;
  engine::Subjects subjects_;
};

/// A definition whose one step is this section.
inline convergers::Definition define_outside(const std::string& section) {
  return convergers::parse_definition("/c/a.sql", "-- find:\nselect 1;\n" + section);
}

}  // namespace converge::tests
