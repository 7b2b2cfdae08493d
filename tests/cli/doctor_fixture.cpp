#include "tests/cli/doctor_fixture.h"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

namespace converge::tests {

Patient::Patient() : role("patient_" + database) {
  define("archive", archiver(""));
  ::chmod((directory / "converge.toml").c_str(), 0600);
}

Patient::~Patient() {
  if (sql("select count(*) from pg_roles where rolname = '" + role + "'") == "0") return;
  sql("drop owned by " + role + "; drop role " + role);
}

CommandResult Patient::examine(const Words& more) const {
  Words words = {"doctor"};
  words.insert(words.end(), more.begin(), more.end());
  return call(words);
}

std::string Patient::told(const std::string& check, const Words& more) const {
  Words words = {"-o", "json"};
  words.insert(words.end(), more.begin(), more.end());
  const auto result = examine(words);
  BOOST_TEST(result.err == "");
  std::string text;
  bool any_bad = false;
  for (const auto& line : lines(result.out)) {
    any_bad = any_bad || member(line, "verdict") == "bad";
    if (member(line, "name") != check) continue;
    if (!text.empty()) text += "\n";
    text += member(line, "verdict") + " " + member(line, "message");
    const auto remedy = member(line, "remedy");
    if (!remedy.empty()) text += " -> " + remedy;
  }
  BOOST_TEST(result.status == (any_bad ? 1 : 0), result.out);
  return text;
}

std::string Patient::as_role(const std::string& rights) {
  sql("create role " + role + " login; " + rights);
  environment["CONVERGE_DATABASE"] = cluster.url(database, role);
  return role;
}

std::string Patient::all_rights(const std::string& role) {
  return "grant select on account to " + role + "; grant select, update on cluster, api_key to " +
         role + ";";
}

}  // namespace converge::tests
