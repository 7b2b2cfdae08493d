#include "src/engine/update_past.h"

#include "journal/reader.h"
#include "src/base/error.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <map>
#include <string>
#include <system_error>

namespace converge::engine {

namespace {

constexpr std::int64_t kNewest = 1'000;

/// One after the other, as they happened.
class Telling {
 public:
  void hear(const journal::StoredEntry& stored) {
    if (!stored.entry.detail) return;
    try {
      const auto parsed = Poco::JSON::Parser().parse(*stored.entry.detail);
      const auto& detail = parsed.extract<Poco::JSON::Object::Ptr>();
      hear(detail->optValue<std::string>("event", ""), detail->optValue("build", Poco::Int64{0}),
           *detail, stored.time_us);
    } catch (const Poco::Exception&) {
      return;  // It was edited; `converge journal verify` tells.
    }
  }

  updater::UpdatePast end() {
    for (auto& [build, one] : quarantined_) past_.quarantined.push_back(std::move(one));
    return std::move(past_);
  }

 private:
  void hear(const std::string& event, std::int64_t build, const Poco::JSON::Object& detail,
            std::int64_t time_us) {
    if (event == "quarantined") {
      quarantined_[build] = {
          .build = build, .since_us = time_us, .why = detail.optValue<std::string>("why", "")};
    } else if (event == "installed") {
      quarantined_.erase(build);  // By a person, who wanted it.
      past_.installed = build;
      past_.previous = detail.optValue("from", Poco::Int64{0});
    } else if (event == "rolled_back") {
      past_.installed = build;
      past_.previous = 0;
    }
  }

  updater::UpdatePast past_;
  std::map<std::int64_t, updater::QuarantinedBuild> quarantined_;
};

}  // namespace

updater::UpdatePast update_past_in(const std::filesystem::path& journal) {
  std::error_code failure;
  if (!std::filesystem::exists(journal, failure)) return {};
  Telling telling;
  try {
    journal::Reader(journal).newest({.kinds = {journal::Kind::update}, .newest = kNewest},
                                    [&](const auto& stored) { telling.hear(stored); });
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;  // As in `floors_in`.
  }
  return telling.end();
}

}  // namespace converge::engine
