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
  return text;
}

std::string name_subject(std::string_view subject, std::string_view label) {
  if (label.empty()) return printable(subject);
  return fmt::format("{} ({})", printable(subject), printable(label));
}

}  // namespace converge::cli
