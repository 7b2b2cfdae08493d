#pragma once

#include "tests/pg/fixture.h"
#include "tests/support/state_machine.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <SQLiteCpp/SQLiteCpp.h>

#include <optional>
#include <string>
#include <vector>

namespace converge::tests {

/// Archives the clusters of archived accounts, then tells a service of each account.
struct HttpWorld : World {
  StateMachine service;

  /// A section `tell`; `request` is its lines, without the two blanks before them.
  static std::string http(const std::string& request, const std::string& directives = "") {
    std::string text = "-- http: tell\n";
    for (std::size_t begin = 0; begin < request.size();) {
      const auto end = std::min(request.find('\n', begin), request.size());
      const std::string line = request.substr(begin, end - begin);
      text += line.empty() ? "--\n" : "--   " + line + "\n";
      begin = end + 1;
    }
    return text + directives + "\n";
  }
  std::string post() const { return http("POST " + service.url("/accounts/{id}/told")); }

  void define_tell(const std::string& section, const std::string& settings = "") const {
    define("tell", archive_clusters(settings) + section);
  }
  std::string tell() { return summary(run("tell")); }

  /// The requests as the service received them, in order.
  std::vector<Poco::JSON::Object::Ptr> requests() const {
    std::vector<Poco::JSON::Object::Ptr> all;
    for (const std::string& line : service.log()) {
      all.push_back(Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>());
    }
    return all;
  }
  static std::string text(const Poco::JSON::Object::Ptr& object, const std::string& member) {
    return object->optValue<std::string>(member, "(none)");
  }
  /// Of one request.
  static std::string header(const Poco::JSON::Object::Ptr& request, const std::string& name) {
    return text(request->getObject("headers"), name);
  }

  std::string attempts() const {
    return journaled("select outcome, count(*) from attempt group by 1 order by 1");
  }
  std::string owed() const { return journaled("select count(*) from owed"); }
  /// Why the only subject in quarantine failed; its key in front.
  std::string failure() {
    const auto all = journal.quarantined("tell");
    if (all.size() != 1U) return std::to_string(all.size()) + " subjects failed";
    return all[0].subject + ": " + all[0].message;
  }
  /// As if the time of all in quarantine had come.
  void make_due() const {
    SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE)
        .exec("update quarantine set next_us = 1");
  }
  /// Whether a file of the journal has these bytes.
  bool is_on_disk(const std::string& bytes) const {
    for (const char* more : {"", "-wal", "-shm"}) {
      const std::string file = journal_file.string() + more;
      if (std::filesystem::exists(file) && read_text(file).find(bytes) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
};

}  // namespace converge::tests
