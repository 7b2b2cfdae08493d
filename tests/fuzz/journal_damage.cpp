#include "tests/fuzz/journal_damage.h"

#include "tests/support/temp_dir.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace converge::fuzz {
namespace {

constexpr std::size_t kPageBytes = 4096;  // Of a journal.

/// The bytes of the edits; zeros when there are no more.
class Operands {
 public:
  explicit Operands(std::string_view bytes) : bytes_(bytes) {}

  bool at_end() const { return bytes_.empty(); }
  std::size_t byte() {
    if (bytes_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return first;
  }
  std::size_t two_bytes() {
    const auto high = byte();
    return high * 256 + byte();
  }
  std::string_view text() {
    const auto count = byte();
    const auto taken = bytes_.substr(0, count);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

// The bytes of a file.

std::size_t place_in(const std::string& bytes, std::size_t page, std::size_t offset) {
  return bytes.empty() ? 0 : (page * kPageBytes + offset) % bytes.size();
}

void overwrite(std::string& bytes, std::size_t place, std::string_view with) {
  const auto count = std::min(with.size(), bytes.size() - place);
  bytes.replace(place, count, with.substr(0, count));
}

void edit_bytes(char edit, const std::filesystem::path& journal, Operands& operands) {
  const auto file =
      operands.byte() % 2 == 0 ? journal : std::filesystem::path(journal.string() + "-wal");
  if (!std::filesystem::exists(file)) return;
  auto bytes = tests::read_text(file);
  if (edit == 'a') {
    bytes += operands.text();
  } else {
    const auto page = operands.byte();
    if (edit == 'c') {
      const auto from = bytes.substr(place_in(bytes, page, 0), kPageBytes);
      overwrite(bytes, place_in(bytes, operands.byte(), 0), from);
    } else if (edit == 'z') {
      overwrite(bytes, place_in(bytes, page, 0), std::string(kPageBytes, '\0'));
    } else {
      const auto place = place_in(bytes, page, operands.two_bytes());
      if (edit == 't') bytes.resize(place);
      if (edit == 'w') overwrite(bytes, place, operands.text());
      if (edit == 'x' && place < bytes.size()) {
        bytes[place] = static_cast<char>(bytes[place] ^ static_cast<char>(operands.byte()));
      }
    }
  }
  tests::write_text(file, bytes);
}

// Rows. SQLite itself and not the journal's own opening: these are the hands of a stranger.

using Database = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

Database open_raw(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
  Database database(raw, sqlite3_close);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

int keep_name(void* names, int /*count*/, char** values, char** /*columns*/) {
  if (values[0] != nullptr) static_cast<std::vector<std::string>*>(names)->emplace_back(values[0]);
  return 0;
}

std::vector<std::string> ask(sqlite3* database, const std::string& sql) {
  std::vector<std::string> names;
  sqlite3_exec(database, sql.c_str(), keep_name, &names, nullptr);
  return names;
}

std::string one_of(const std::vector<std::string>& names, std::size_t number) {
  return names.empty() ? "entry" : names[number % names.size()];
}

std::string value_text(Operands& operands, const std::string& column) {
  switch (operands.byte() % 8) {
    case 0:
      return "null";
    case 1:
      return fmt::format("{}", operands.byte());
    case 2:
      return fmt::format("{} + {}", column, operands.byte());
    case 3:
      return fmt::format("{} - {}", column, operands.byte());
    case 4:
      return "9223372036854775807";
    case 5:
      return "-9223372036854775808";
    case 6: {
      std::string digits;
      for (const char c : operands.text()) {
        digits += fmt::format("{:02x}", static_cast<std::uint8_t>(c));
      }
      return fmt::format("cast(x'{}' as {})", digits, operands.byte() % 2 == 0 ? "text" : "blob");
    }
    default:
      return fmt::format("{} || 'x'", column);
  }
}

void edit_rows(char edit, const std::filesystem::path& file, Operands& operands) {
  const auto database = open_raw(file);
  ask(database.get(), "drop trigger if exists entry_update; drop trigger if exists entry_delete");
  const auto tables = ask(database.get(),
                          "select name from sqlite_schema where type = 'table' and"
                          " name not like 'sqlite_%' order by name");
  const auto table = one_of(tables, operands.byte());
  const auto columns =
      ask(database.get(), fmt::format("select name from pragma_table_info('{}')", table));
  const auto key = one_of(columns, 0);  // That of tables without a rowid, too.
  const auto row_at = [&](std::size_t number) {
    return fmt::format(
        "{0} = (select {0} from \"{1}\" limit 1 offset {2} % (select max(count(*), 1) from"
        " \"{1}\"))",
        key, table, number);
  };
  if (edit == 'd') {
    ask(database.get(), fmt::format("delete from \"{}\" where {}", table, row_at(operands.byte())));
    return;
  }
  if (edit == 'i') {
    std::string cells = key + " + 1";
    for (std::size_t i = 1; i < columns.size(); ++i) cells.append(", ").append(columns[i]);
    ask(database.get(), fmt::format("insert into \"{0}\" select {1} from \"{0}\" where {2}", table,
                                    cells, row_at(operands.byte())));
    return;
  }
  const auto column = one_of(columns, operands.byte());
  const auto row = row_at(operands.byte());
  const auto value = edit == 'u' ? value_text(operands, column)
                                 : fmt::format("(select {} from \"{}\" where {})", column, table,
                                               row_at(operands.byte()));
  ask(database.get(), fmt::format("update \"{}\" set {} = {} where {}", table, column, value, row));
}

}  // namespace

void damage_journal(const std::filesystem::path& file, std::string_view edits) {
  constexpr int kMostEdits = 16;
  Operands operands(edits);
  for (int made = 0; made < kMostEdits && !operands.at_end();) {
    const auto edit = static_cast<char>(operands.byte());
    if (std::string_view("wxczta").find(edit) != std::string_view::npos) {
      edit_bytes(edit, file, operands);
    } else if (edit == 'k') {
      ask(open_raw(file).get(), "pragma wal_checkpoint(truncate)");
    } else if (std::string_view("usdi").find(edit) != std::string_view::npos) {
      edit_rows(edit, file, operands);
    } else {
      continue;
    }
    ++made;
  }
}

}  // namespace converge::fuzz
