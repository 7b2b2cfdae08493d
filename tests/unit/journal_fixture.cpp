#include "tests/unit/journal_fixture.h"

#include "src/base/digest.h"

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace converge::tests {
namespace {

using Database = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

// SQLite itself and not the journal's own opening: these are the hands of a stranger.
Database open_raw(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
  Database database(raw, sqlite3_close);
  if (code != SQLITE_OK) throw std::runtime_error("cannot open " + file.string());
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

int keep_first(void* out, int count, char** values, char** /*names*/) {
  auto& text = *static_cast<std::string*>(out);
  if (text.empty() && count > 0 && values[0] != nullptr) text = values[0];
  return 0;
}

std::string execute(const std::filesystem::path& file, const std::string& sql) {
  const auto database = open_raw(file);
  std::string first;
  char* message = nullptr;
  if (sqlite3_exec(database.get(), sql.c_str(), keep_first, &first, &message) != SQLITE_OK) {
    const std::string text = message == nullptr ? "?" : message;
    sqlite3_free(message);
    throw std::runtime_error(text);
  }
  return first;
}

void become_ordinary(const std::filesystem::path& owned) {
  constexpr uid_t kNobody = 65534;
  if (::geteuid() != 0) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(owned)) {
    if (::lchown(entry.path().c_str(), kNobody, kNobody) != 0) _exit(2);
  }
  if (::lchown(owned.c_str(), kNobody, kNobody) != 0 || ::setgid(kNobody) != 0 ||
      ::setuid(kNobody) != 0) {
    _exit(2);
  }
}

}  // namespace

const std::string kJournalText = "-- find:\nselect id from account;\n";

journal::DefinitionId journal_definition() {
  return {"archive_account", hex(sha256(kJournalText))};
}

journal::Journal JournalFixture::open(const std::string& actor) {
  return {file, actor, [this](const std::string& notice) { notices.push_back(notice); }};
}

journal::Verification JournalFixture::verify() const { return journal::Reader(file).verify(); }

std::vector<journal::StoredEntry> JournalFixture::entries(const journal::Filter& filter) const {
  std::vector<journal::StoredEntry> all;
  journal::Reader(file).newest(filter, [&](const auto& entry) { all.push_back(entry); });
  return all;
}

std::int64_t append_txn(journal::Journal& journal, journal::PassId& pass, int inconsistencies,
                        const std::string& prefix, std::size_t detail_bytes) {
  journal.register_definition(journal_definition(), kJournalText);
  int index = 0;
  journal::Inconsistency record;
  return journal.append_pending(
      pass, journal_definition(),
      {.xid = "734", .server = {.system_identifier = "7298", .timeline = 1}, .database = "prod"},
      [&]() -> const journal::Inconsistency* {
        if (index == inconsistencies) return nullptr;
        record.subject = prefix + "-" + std::to_string(index++);
        record.count = 2;
        record.detail =
            R"({"steps":[{"title":"archive clusters","count":2,"changes":[{"cluster":")" +
            std::string(detail_bytes, 'x') + R"("}]}]})";
        return &record;
      });
}

void tamper(const std::filesystem::path& file, const std::string& sql) {
  execute(file, "drop trigger if exists entry_update; drop trigger if exists entry_delete;" + sql);
}

void run_sql(const std::filesystem::path& file, const std::string& sql) { execute(file, sql); }

std::string ask_sql(const std::filesystem::path& file, const std::string& sql) {
  return execute(file, sql);
}

Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  throw std::logic_error("no error where one was due");
}

bool in_child(const std::filesystem::path& owned, const std::function<bool()>& body) {
  const auto child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    become_ordinary(owned);
    bool good = false;
    try {
      good = body();
    } catch (...) {
      _exit(3);  // Not into Boost.Test's handlers, which are the parent's.
    }
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace converge::tests
