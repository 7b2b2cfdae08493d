#include "src/cli/summary.h"

#include "src/base/text.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <set>
#include <vector>

namespace converge::cli {

namespace {

using Object = Poco::JSON::Object::Ptr;

std::vector<Object> members_of(const Poco::JSON::Object& object, const std::string& name) {
  const auto array = object.getArray(name);
  std::vector<Object> members;
  for (unsigned i = 0; !array.isNull() && i < array->size(); ++i) {
    members.push_back(array->getObject(i));
  }
  return members;
}

}  // namespace

std::string summarize_steps(std::string_view detail) {
  Poco::JSON::Parser parser;
  const auto object = parser.parse(std::string(detail)).extract<Poco::JSON::Object::Ptr>();
  const auto steps = members_of(*object, "steps");
  std::vector<std::string> parts;
  std::set<std::string> told;
  const auto tell_steps_after = [&](const std::string& title) {
    if (!told.insert(title).second) return;
    for (const auto& step : steps) {
      if (step->optValue<std::string>("after", "") != title) continue;
      parts.push_back(fmt::format("{} {}", printable(step->getValue<std::string>("title")),
                                  step->getValue<std::int64_t>("count")));
    }
  };
  tell_steps_after("");
  for (const auto& step : members_of(*object, "planned")) {
    const auto member = [&](const char* name) {
      return printable(step->optValue<std::string>(name, ""));
    };
    parts.push_back(fmt::format("{}: {}{}", member("title"), member("request"), member("message")));
    tell_steps_after(step->optValue<std::string>("title", ""));
  }
  // Those after a step outside that has nothing to do, as it has done it before.
  for (const auto& step : steps) tell_steps_after(step->optValue<std::string>("after", ""));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string how_to_release(const journal::Hold& hold) {
  // Without a digest the set was not seen to its end, and cannot be let through as it is.
  const std::string release =
      hold.digest.empty()
          ? fmt::format("to go on within the limit: `converge release {}`", hold.converger)
          : fmt::format("to let exactly this set through, once: `converge release {} {}`",
                        hold.converger, hold.digest);
  return fmt::format("Look with `converge plan {}`; {}.", hold.converger, release);
}

std::string name_subject(std::string_view subject, std::string_view label) {
  if (label.empty()) return printable(subject);
  return fmt::format("{} ({})", printable(subject), printable(label));
}

}  // namespace converge::cli
