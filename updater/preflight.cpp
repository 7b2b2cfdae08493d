#include "updater/preflight.h"

#include "src/base/child.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "updater/installation.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

namespace converge::updater {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBusyInterval{10};
constexpr milliseconds kBusyPatience{10'000};
constexpr std::size_t kOutputBytes = 64 * 1024;
constexpr std::size_t kToldBytes = 1000;

using Variables = std::vector<std::pair<std::string, std::string>>;

/// It is converge, and has to find what this process finds.
Variables environment() {
  Variables all;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const auto sign = text.find('=');
    if (sign == std::string_view::npos) continue;
    all.emplace_back(text.substr(0, sign), text.substr(sign + 1));
  }
  return all;
}

/// Somebody may have had it open for writing for a moment: `is_text_busy`.
ChildEnd run(const ChildRequest& child, const Preflight& request) {
  const auto patience = Clock::now() + kBusyPatience;
  for (;;) {
    try {
      return run_child(child, request.timeout, request.stop);
    } catch (const Error& error) {
      if (!is_text_busy(error) || Clock::now() >= patience || request.stop.stop_requested()) throw;
    }
    std::this_thread::sleep_for(kBusyInterval);
  }
}

std::string how(const ChildEnd& end, milliseconds timeout) {
  switch (end.kind) {
    case ChildEnd::Kind::exited:
      return fmt::format("exited with {}", end.status);
    case ChildEnd::Kind::signalled:
      return fmt::format("was ended by signal {}", end.status);
    case ChildEnd::Kind::late:
      return fmt::format("had not ended after {}", format_duration(timeout));
    default:
      return "ended in a way that nobody was told";
  }
}

/// The last lines, which tell what ended it.
std::string told(const std::string& output) {
  std::string_view text = trim(output);
  if (text.size() > kToldBytes) text.remove_prefix(text.size() - kToldBytes);
  return text.empty() ? std::string(" and said nothing") : fmt::format(": {}", printable(text));
}

/// The last line of what it printed, as an answer.
std::optional<PreflightAnswer> answer_in(const std::string& output) {
  const auto text = trim(output);
  const auto line = text.substr(text.rfind('\n') + 1);
  try {
    const auto object =
        Poco::JSON::Parser().parse(std::string(line)).extract<Poco::JSON::Object::Ptr>();
    PreflightAnswer answer{.build = object->getValue<std::int64_t>("build"), .broken = {}};
    const auto broken = object->getArray("broken");
    for (unsigned i = 0; !broken.isNull() && i < broken->size(); ++i) {
      answer.broken.push_back(broken->getElement<std::string>(i));
    }
    return answer;
  } catch (const Poco::Exception&) {
    return std::nullopt;
  }
}

}  // namespace

PreflightAnswer preflight(const Preflight& request) {
  const auto refuse = [&](const std::string& what) {
    return Error(ErrorKind::failure,
                 fmt::format("build {} is not fit for this host: its try {}", request.build, what),
                 "The installed build stays, and nothing has changed.");
  };
  ChildRequest child{.arguments = {request.staged.native(), "update", "--preflight"},
                     .input = request.object,
                     .environment = environment(),
                     .output_limit = kOutputBytes};
  child.arguments.insert(child.arguments.end(), request.arguments.begin(), request.arguments.end());
  ChildEnd end;
  try {
    end = run(child, request);
  } catch (const Error& error) {
    throw refuse(fmt::format("could not begin: {}", error.what()));
  }
  if (end.kind == ChildEnd::Kind::late && request.stop.stop_requested()) {
    throw Error(ErrorKind::transient, fmt::format("the try of build {} was stopped", request.build),
                "The installed build stays, and the next update tries it again.");
  }
  if (end.kind != ChildEnd::Kind::exited || end.status != 0) {
    throw refuse(how(end, request.timeout) + told(end.output));
  }
  auto answer = answer_in(end.output);
  if (!answer) throw refuse("did not say which build it is" + told(end.output));
  if (answer->build != request.build) {
    throw refuse(fmt::format("says that it is build {}", answer->build));
  }
  return *std::move(answer);
}

}  // namespace converge::updater
