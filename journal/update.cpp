#include "journal/update.h"

#include "journal/journal_implementation.h"
#include "src/base/clock.h"
#include "src/base/json_object.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace converge::journal {
namespace {

/// What changes the installed binary comes in this order; what is gone back from may come again.
constexpr std::array<std::string_view, 3> kDeeds = {"installed", "trial", "committed"};

std::ptrdiff_t place_of(std::string_view event) {
  return std::find(kDeeds.begin(), kDeeds.end(), event) - kDeeds.begin();
}

/// A finding is told when the newest one of its kind says the same. A deed is told when the newest
/// deed is it, or follows from it.
bool is_told(SQLite::Database& database, const UpdateEvent& event, const Entry& entry) {
  const bool is_deed = place_of(event.event) < std::ssize(kDeeds) || event.event == "rolled_back";
  // The condition that is too much is that of an index.
  SQLite::Statement row(
      database,
      fmt::format("select detail, detail ->> '$.event', detail ->> '$.build' from entry"
                  " where kind = 13 and kind > 4 and detail ->> '$.event' {}"
                  " order by seq desc limit 1",
                  is_deed ? "in ('installed', 'trial', 'committed', 'rolled_back')" : "= ?"));
  if (!is_deed) row.bind(1, event.event);
  if (!row.executeStep()) return false;
  if (!is_deed) return row.getColumn(0).getString() == entry.detail;
  const std::string newest = row.getColumn(1).getString();
  if (row.getColumn(2).getInt64() != event.build) return false;
  if (newest == "rolled_back" || event.event == "rolled_back") return newest == event.event;
  return place_of(newest) >= place_of(event.event);
}

bool is_below(const std::map<std::string, UpdateSeen>& known,
              const std::pair<const std::string, UpdateSeen>& seen) {
  const auto found = known.find(seen.first);
  const UpdateSeen before = found == known.end() ? UpdateSeen{} : found->second;
  return before.seq < seen.second.seq || before.build < seen.second.build;
}

}  // namespace

Entry update_entry(const UpdateEvent& event) {
  JsonObject detail;
  detail.add("event", event.event);
  if (event.build != 0) detail.add("build", event.build);
  if (event.from != 0) detail.add("from", event.from);
  if (event.release) {
    JsonObject release;
    release.add("channel", event.release->channel).add("seq", event.release->seq);
    release.add("commit", event.release->commit);
    if (!event.release->sha256.empty()) release.add("sha256", event.release->sha256);
    release.add("key", event.release->key);
    detail.add_raw("release", release.text());
  }
  if (!event.why.empty()) detail.add("why", event.why);
  return {.kind = Kind::update, .detail = detail.text()};
}

std::map<std::string, UpdateSeen> read_update_seen(SQLite::Database& database) {
  std::map<std::string, UpdateSeen> seen;
  SQLite::Statement row(database, "select channel, seq, build from update_seen");
  while (row.executeStep()) {
    seen[row.getColumn(0).getString()] = {.seq = row.getColumn(1).getInt64(),
                                          .build = row.getColumn(2).getInt64()};
  }
  return seen;
}

void raise_update_seen(SQLite::Database& database, const std::map<std::string, UpdateSeen>& seen) {
  SQLite::Statement statement(database,
                              "insert into update_seen (channel, seq, build) values (?1, ?2, ?3)"
                              " on conflict do update set seq = max(seq, excluded.seq),"
                              " build = max(build, excluded.build)");
  for (const auto& [channel, floors] : seen) {
    statement.bind(1, channel);
    statement.bind(2, floors.seq);
    statement.bind(3, floors.build);
    statement.exec();
    statement.reset();
  }
}

bool Journal::append_update(const UpdateEvent& event, const std::map<std::string, UpdateSeen>& seen,
                            bool once) {
  const Entry entry = update_entry(event);
  auto& session = implementation_->session_;
  bool told = false;
  bool is_seen = false;
  session.read([&](SQLite::Database& database) {
    const auto known = read_update_seen(database);
    is_seen = std::none_of(seen.begin(), seen.end(),
                           [&](const auto& one) { return is_below(known, one); });
    told = once && is_told(database, event, entry);
  });
  if (told && is_seen) return false;
  session.write([&](Writer& writer) {
    // Another process may have told it since.
    told = once && is_told(writer.database(), event, entry);
    if (!told) writer.append(entry, wall_time_us());
    raise_update_seen(writer.database(), seen);
  });
  return !told;
}

std::map<std::string, UpdateSeen> Journal::update_seen() {
  std::map<std::string, UpdateSeen> seen;
  implementation_->session_.read(
      [&](SQLite::Database& database) { seen = read_update_seen(database); });
  return seen;
}

}  // namespace converge::journal
