#pragma once

#include <Poco/JSON/Object.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace converge::updater {

/// One object of a JSON text (RFC 8259) that may say a thing in one way only.
///
/// The text is one object and a line break behind it, in lines that end with LF, of printable ASCII
/// without a backslash: nothing in it is escaped, so its strings are what they look like. Objects
/// have exactly the members that are asked for, each once. Numbers are integers.
///
/// All of this throws `Error{failure}`, which names the member by its path (`rollout.start`).
class StrictObject {
 public:
  /// How deep objects and arrays may nest; looked at before the text is parsed.
  static constexpr int kDeepest = 8;

  /// `text` is called `what` in errors.
  static StrictObject parse(std::string_view text, const std::string& what);

  /// Refuses an object that has other members than these, or lacks one.
  void require_members(std::span<const std::string_view> names) const;

  std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most) const;
  bool flag(const std::string& name) const;
  std::string text(const std::string& name) const;
  StrictObject object(const std::string& name) const;
  std::vector<StrictObject> objects(const std::string& name) const;
  std::vector<std::int64_t> integers(const std::string& name, std::int64_t least,
                                     std::int64_t most) const;

  /// `WHAT: PATH MESSAGE`.
  [[noreturn]] void refuse(const std::string& name, const std::string& message) const;

 private:
  StrictObject(Poco::JSON::Object::Ptr object, std::string what, std::string path)
      : object_(std::move(object)), what_(std::move(what)), path_(std::move(path)) {}

  Poco::Dynamic::Var member(const std::string& name) const;
  Poco::JSON::Array::Ptr array(const std::string& name) const;

  Poco::JSON::Object::Ptr object_;
  std::string what_;
  std::string path_;  ///< Where it is in the text, with a full stop behind it; empty for the whole.
};

}  // namespace converge::updater
