#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace converge {

/// One JSON object, member by member.
class JsonObject {
 public:
  JsonObject& add(std::string_view name, std::string_view value);
  JsonObject& add(std::string_view name, const char* value) {
    return add(name, std::string_view(value));
  }
  JsonObject& add(std::string_view name, std::int64_t value);
  JsonObject& add(std::string_view name, int value) { return add(name, std::int64_t{value}); }
  JsonObject& add(std::string_view name, bool value);
  template <typename Value>
  JsonObject& add(std::string_view name, const std::optional<Value>& value) {
    return value ? add(name, *value) : *this;
  }
  /// A value that is JSON already.
  JsonObject& add_raw(std::string_view name, std::string_view json);
  /// The members of an object that is JSON already.
  JsonObject& add_members(std::string_view object);
  std::string text() const { return "{" + members_ + "}"; }
  /// The object and a line break.
  std::string line() const { return text() + "\n"; }

 private:
  std::string members_;
};

}  // namespace converge
