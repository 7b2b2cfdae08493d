#include "updater/strict_json.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/ParseHandler.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace converge::updater {
namespace {

using Poco::Dynamic::Var;

Error broken(const std::string& what, const std::string& message) {
  return {ErrorKind::failure, what + ": " + message};
}

bool is_plain(char byte) { return (byte >= ' ' && byte <= '~' && byte != '\\') || byte == '\n'; }

void require_plain(std::string_view text, const std::string& what) {
  const auto* const odd = std::find_if_not(text.begin(), text.end(), is_plain);
  if (odd != text.end()) {
    throw broken(what, fmt::format("byte 0x{:02x} in line {}", static_cast<unsigned char>(*odd),
                                   std::count(text.begin(), odd, '\n') + 1));
  }
  if (!text.starts_with('{')) throw broken(what, "it does not begin with {");
  if (!text.ends_with("}\n")) throw broken(what, "it does not end with } and a line break");
}

// Poco's parser calls itself for each level.
void require_shallow(std::string_view text, const std::string& what) {
  bool in_string = false;
  int depth = 0;
  for (const char byte : text) {
    if (byte == '"') in_string = !in_string;
    if (in_string) continue;
    if (byte == '{' || byte == '[') ++depth;
    if (byte == '}' || byte == ']') --depth;
    if (depth > StrictObject::kDeepest) {
      throw broken(what, fmt::format("nested deeper than {} levels", StrictObject::kDeepest));
    }
  }
}

/// Poco's own lets the last of several members of one name win.
class OnceHandler : public Poco::JSON::ParseHandler {
 public:
  explicit OnceHandler(std::string what) : what_(std::move(what)) {}

  void startObject() override {
    names_.emplace_back();
    ParseHandler::startObject();
  }
  void endObject() override {
    names_.pop_back();
    ParseHandler::endObject();
  }
  void key(const std::string& name) override {
    if (!names_.back().insert(name).second) throw broken(what_, "two members called " + name);
    ParseHandler::key(name);
  }

 private:
  std::string what_;
  std::vector<std::set<std::string>> names_;
};

std::int64_t integer_of(const StrictObject& object, const std::string& name, const Var& value,
                        std::int64_t least, std::int64_t most) {
  // What does not fit Poco's Int64 comes as another type.
  if (value.type() != typeid(Poco::Int64)) object.refuse(name, "is not a whole number");
  const auto number = value.extract<Poco::Int64>();
  if (number < least || number > most) {
    object.refuse(name, fmt::format("is {}, not from {} to {}", number, least, most));
  }
  return number;
}

}  // namespace

StrictObject StrictObject::parse(std::string_view text, const std::string& what) {
  require_plain(text, what);
  require_shallow(text, what);
  try {
    Poco::JSON::Parser parser(new OnceHandler(what));
    parser.setDepth(kDeepest);
    const Var root = parser.parse(std::string(text));
    return {root.extract<Poco::JSON::Object::Ptr>(), what, {}};
  } catch (const Poco::Exception& error) {
    throw broken(what, "not JSON: " + printable(error.message()));
  }
}

void StrictObject::require_members(std::span<const std::string_view> names) const {
  for (const auto& name : object_->getNames()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) refuse(name, "is not known");
  }
  for (const auto name : names) member(std::string(name));
}

std::int64_t StrictObject::integer(const std::string& name, std::int64_t least,
                                   std::int64_t most) const {
  return integer_of(*this, name, member(name), least, most);
}

bool StrictObject::flag(const std::string& name) const {
  const Var value = member(name);
  if (value.type() != typeid(bool)) refuse(name, "is neither true nor false");
  return value.extract<bool>();
}

std::string StrictObject::text(const std::string& name) const {
  const Var value = member(name);
  if (value.type() != typeid(std::string)) refuse(name, "is not a string");
  return value.extract<std::string>();
}

StrictObject StrictObject::object(const std::string& name) const {
  const Var value = member(name);
  if (value.type() != typeid(Poco::JSON::Object::Ptr)) refuse(name, "is not an object");
  return {value.extract<Poco::JSON::Object::Ptr>(), what_, path_ + name + "."};
}

std::vector<StrictObject> StrictObject::objects(const std::string& name) const {
  std::vector<StrictObject> all;
  for (const Var& value : *array(name)) {
    const auto place = fmt::format("{}[{}]", name, all.size());
    if (value.type() != typeid(Poco::JSON::Object::Ptr)) refuse(place, "is not an object");
    all.push_back({value.extract<Poco::JSON::Object::Ptr>(), what_, path_ + place + "."});
  }
  return all;
}

std::vector<std::int64_t> StrictObject::integers(const std::string& name, std::int64_t least,
                                                 std::int64_t most) const {
  std::vector<std::int64_t> all;
  for (const Var& value : *array(name)) {
    all.push_back(integer_of(*this, fmt::format("{}[{}]", name, all.size()), value, least, most));
  }
  return all;
}

void StrictObject::refuse(const std::string& name, const std::string& message) const {
  throw broken(what_, path_ + name + " " + message);
}

Var StrictObject::member(const std::string& name) const {
  if (!object_->has(name)) refuse(name, "is missing");
  return object_->get(name);
}

Poco::JSON::Array::Ptr StrictObject::array(const std::string& name) const {
  const Var value = member(name);
  if (value.type() != typeid(Poco::JSON::Array::Ptr)) refuse(name, "is not an array");
  return value.extract<Poco::JSON::Array::Ptr>();
}

}  // namespace converge::updater
