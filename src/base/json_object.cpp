#include "src/base/json_object.h"

#include "src/base/safe_text.h"
#include "src/base/text.h"

#include <fmt/core.h>

namespace converge {

JsonObject& JsonObject::add_raw(std::string_view name, std::string_view json) {
  if (!members_.empty()) members_ += ',';
  append_json_string(members_, name);
  members_ += ':';
  append_safe_json(members_, json);
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, std::string_view value) {
  return add_raw(name, json_string(value));
}

JsonObject& JsonObject::add(std::string_view name, std::int64_t value) {
  return add_raw(name, fmt::format("{}", value));
}

JsonObject& JsonObject::add(std::string_view name, bool value) {
  return add_raw(name, value ? "true" : "false");
}

JsonObject& JsonObject::add_members(std::string_view object) {
  const std::string_view inner = trim(object).substr(1, trim(object).size() - 2);
  if (trim(inner).empty()) return *this;
  if (!members_.empty()) members_ += ',';
  append_safe_json(members_, inner);
  return *this;
}

}  // namespace converge
