#include "src/cli/summary.h"

#include "src/base/text.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/core.h>

namespace converge::cli {

std::string summarize_steps(std::string_view detail) {
  Poco::JSON::Parser parser;
  const auto object = parser.parse(std::string(detail)).extract<Poco::JSON::Object::Ptr>();
  const auto steps = object->getArray("steps");
  std::string text;
  for (std::size_t i = 0; !steps.isNull() && i < steps->size(); ++i) {
    const auto step = steps->getObject(static_cast<unsigned>(i));
    text +=
        fmt::format("{}{} {}", i == 0 ? "" : ", ", printable(step->getValue<std::string>("title")),
                    step->getValue<std::int64_t>("count"));
  }
  const auto planned = object->getArray("planned");
  for (std::size_t i = 0; !planned.isNull() && i < planned->size(); ++i) {
    const auto step = planned->getObject(static_cast<unsigned>(i));
    const auto member = [&](const char* name) {
      return printable(step->optValue<std::string>(name, ""));
    };
    text += fmt::format("{}{}: {}{}", text.empty() ? "" : ", ", member("title"), member("request"),
                        member("message"));
  }
  return text;
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
