#include "journal/names.h"

#include "journal/entry.h"
#include "src/base/digest.h"

#include <fmt/format.h>

#include <string_view>

namespace converge::journal {
namespace {

/// What reads entries goes by the number and the hash by the name, so the two must agree: else the
/// names of two outcomes could be exchanged together with the numbers in all entries.
template <typename Enum>
Dictionary read_enumeration(SQLite::Database& database, const char* table) {
  Dictionary names;
  SQLite::Statement row(database, fmt::format("select id, name from {}", table));
  while (row.executeStep()) {
    const auto number = row.getColumn(0).getInt64();
    Name name{.text = row.getColumn(1).getString()};
    const auto known = name_of(static_cast<Enum>(number));
    if (known != "?" && known != name.text) {
      name.defect = fmt::format("is called {} and means {}", name.text, known);
    }
    names.emplace(number, std::move(name));
  }
  return names;
}

Dictionary read_actors(SQLite::Database& database) {
  Dictionary names;
  SQLite::Statement row(database, "select id, name, build from actor");
  while (row.executeStep()) {
    names.emplace(row.getColumn(0).getInt64(),
                  Name{.text = row.getColumn(1).getString(), .build = row.getColumn(2).getInt64()});
  }
  return names;
}

Dictionary read_definitions(SQLite::Database& database) {
  Dictionary names;
  Sha256 sha;
  SQLite::Statement row(database, "select id, name, version, text from definition");
  while (row.executeStep()) {
    Name name{.text = row.getColumn(1).getString(), .version = row.getColumn(2).getString()};
    const auto text = row.getColumn(3);
    if (text.isNull() != name.version.empty()) {
      name.defect = "is missing";
    } else if (!text.isNull() && hex(sha.update({static_cast<const char*>(text.getBlob()),
                                                 static_cast<std::size_t>(text.getBytes())})
                                         .finish()) != name.version) {
      name.defect = "was edited";
    }
    names.emplace(row.getColumn(0).getInt64(), std::move(name));
  }
  return names;
}

}  // namespace

Names read_names(SQLite::Database& database) {
  return {.kinds = read_enumeration<Kind>(database, "kind"),
          .outcomes = read_enumeration<Outcome>(database, "outcome"),
          .actors = read_actors(database),
          .definitions = read_definitions(database)};
}

}  // namespace converge::journal
