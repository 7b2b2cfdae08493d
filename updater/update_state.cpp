#include "updater/update_state.h"

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/json_object.h"
#include "src/base/text.h"
#include "updater/durable.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace converge::updater {
namespace {

using Poco::JSON::Object;

constexpr std::uintmax_t kMaxSizeBytes = 1024 * 1024;
constexpr int kMaxDepth = 8;

[[noreturn]] void refuse(const std::string& name, std::string_view wanted) {
  throw Error(ErrorKind::failure, fmt::format("{} is not {}", name, wanted));
}

// Absent members have their defaults: an older build did not know them.
std::int64_t number_in(const Object& object, const std::string& name) {
  if (!object.has(name)) return 0;
  const auto value = object.get(name);
  // To Poco, true is an integer too.
  if (value.isEmpty() || value.isBoolean() || !value.isInteger()) refuse(name, "a whole number");
  const auto number = value.convert<Poco::Int64>();
  if (number < 0) refuse(name, "a whole number");
  return number;
}

std::string text_in(const Object& object, const std::string& name) {
  if (!object.has(name)) return {};
  const auto value = object.get(name);
  if (value.isEmpty() || !value.isString()) refuse(name, "text");
  return value.extract<std::string>();
}

// Null when there is none.
Object::Ptr object_in(const Object& object, const std::string& name) {
  if (!object.has(name)) return {};
  auto member = object.getObject(name);
  if (member.isNull()) refuse(name, "an object");
  return member;
}

std::map<std::string, Floors> floors_in(const Object& state) {
  std::map<std::string, Floors> floors;
  const auto channels = object_in(state, "floors");
  if (channels.isNull()) return floors;
  for (const auto& channel : channels->getNames()) {
    const auto floor = object_in(*channels, channel);
    floors[channel] = {.seq = number_in(*floor, "seq"), .build = number_in(*floor, "build")};
  }
  return floors;
}

std::optional<Trial> trial_in(const Object& state) {
  const auto trial = object_in(state, "trial");
  if (trial.isNull()) return std::nullopt;
  return Trial{.build = number_in(*trial, "build"),
               .previous = number_in(*trial, "previous"),
               .since_us = number_in(*trial, "since_us"),
               .starts = number_in(*trial, "starts"),
               .channel = text_in(*trial, "channel"),
               .announced = number_in(*trial, "announced")};
}

std::vector<QuarantinedBuild> quarantined_in(const Object& state) {
  std::vector<QuarantinedBuild> builds;
  if (!state.has("quarantined")) return builds;
  const auto list = state.getArray("quarantined");
  if (list.isNull()) refuse("quarantined", "a list");
  for (unsigned int i = 0; i < list->size(); ++i) {
    const auto build = list->getObject(i);
    if (build.isNull()) refuse("a quarantined build", "an object");
    builds.push_back({.build = number_in(*build, "build"),
                      .since_us = number_in(*build, "since_us"),
                      .why = text_in(*build, "why")});
  }
  return builds;
}

std::optional<LastCheck> last_check_in(const Object& state) {
  const auto check = object_in(state, "last_check");
  if (check.isNull()) return std::nullopt;
  return LastCheck{.time_us = number_in(*check, "time_us"),
                   .channel = text_in(*check, "channel"),
                   .url = text_in(*check, "url"),
                   .etag = text_in(*check, "etag"),
                   .last_modified = text_in(*check, "last_modified"),
                   .object = text_in(*check, "object"),
                   .error = text_in(*check, "error")};
}

UpdateState parse(const std::string& text) {
  Poco::JSON::Parser parser;
  parser.setDepth(kMaxDepth);
  const auto parsed = parser.parse(text);
  if (parsed.type() != typeid(Object::Ptr)) refuse("the file", "a JSON object");
  const auto& object = parsed.extract<Object::Ptr>();
  return {.floors = floors_in(*object),
          .trial = trial_in(*object),
          .quarantined = quarantined_in(*object),
          .installed_build = number_in(*object, "installed_build"),
          .previous_build = number_in(*object, "previous_build"),
          .last_check = last_check_in(*object),
          .trouble = {}};
}

std::string checked_text(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) refuse("it", "a regular file");
  if (std::filesystem::file_size(path) > kMaxSizeBytes) refuse("it", "less than 1 MiB");
  return read_file(path);
}

std::string floors_json(const std::map<std::string, Floors>& floors) {
  JsonObject object;
  for (const auto& [channel, floor] : floors) {
    object.add_raw(channel, JsonObject().add("seq", floor.seq).add("build", floor.build).text());
  }
  return object.text();
}

std::string quarantined_json(const std::vector<QuarantinedBuild>& builds) {
  std::string list;
  for (const auto& build : builds) {
    if (!list.empty()) list += ',';
    list += JsonObject()
                .add("build", build.build)
                .add("since_us", build.since_us)
                .add("why", build.why)
                .text();
  }
  return fmt::format("[{}]", list);
}

std::string state_text(const UpdateState& state) {
  JsonObject object;
  object.add_raw("floors", floors_json(state.floors));
  if (const auto& trial = state.trial) {
    JsonObject member;
    member.add("build", trial->build).add("previous", trial->previous);
    member.add("since_us", trial->since_us).add("starts", trial->starts);
    if (trial->announced != 0) member.add("announced", trial->announced);
    if (!trial->channel.empty()) member.add("channel", trial->channel);
    object.add_raw("trial", member.text());
  }
  object.add_raw("quarantined", quarantined_json(state.quarantined));
  object.add("installed_build", state.installed_build);
  object.add("previous_build", state.previous_build);
  if (const auto& check = state.last_check) {
    object.add_raw("last_check", JsonObject()
                                     .add("time_us", check->time_us)
                                     .add("channel", check->channel)
                                     .add("url", check->url)
                                     .add("etag", check->etag)
                                     .add("last_modified", check->last_modified)
                                     .add("object", check->object)
                                     .add("error", check->error)
                                     .text());
  }
  return object.line();
}

UpdateState troubled(const std::filesystem::path& path, std::string_view reason) {
  UpdateState state;
  state.trouble = fmt::format("{} is not a state of updates: {}", path.native(), reason);
  return state;
}

}  // namespace

bool is_quarantined(const UpdateState& state, std::int64_t build) {
  return std::any_of(state.quarantined.begin(), state.quarantined.end(),
                     [&](const QuarantinedBuild& one) { return one.build == build; });
}

std::string started_too_often() {
  return fmt::format("it was started {} times without an end to its trial", kMostStarts);
}

UpdateState read_update_state(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::symlink_status(path, ignored).type() ==
      std::filesystem::file_type::not_found) {
    return {};
  }
  try {
    return parse(checked_text(path));
  } catch (const Poco::Exception& error) {
    return troubled(path, printable(error.displayText()));
  } catch (const std::exception& error) {  // Of ours, and of std::filesystem.
    return troubled(path, printable(error.what()));
  }
}

void write_update_state(const std::filesystem::path& path, const UpdateState& state) {
  replace_file(path, state_text(state));
}

}  // namespace converge::updater
