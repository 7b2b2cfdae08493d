#include "src/config/settings_file.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <vector>

namespace converge::config {

namespace {

const std::map<std::string, LogFormat> kLogFormats = {{"json", LogFormat::json},
                                                      {"logfmt", LogFormat::logfmt}};
const std::map<std::string, LogLevel> kLogLevels = {{"debug", LogLevel::debug},
                                                    {"error", LogLevel::error},
                                                    {"info", LogLevel::info},
                                                    {"notice", LogLevel::notice},
                                                    {"warning", LogLevel::warning}};

/// `unix:` and an absolute path, or a host and the number of a port.
bool is_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) return text.substr(kUnix.size()).starts_with('/');
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (!is_bracketed && host.find_first_of("[]: /") != std::string_view::npos) return false;
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
  return failure == std::errc{} && end == port.data() + port.size();
}

/// Whether it looks like a public key of minisign(1): the base64 of `Ed` and 40 bytes more. Whether
/// it is one, those who use it find out.
bool is_like_key(std::string_view text) {
  constexpr std::size_t kKeyCharacters = 56;
  return text.size() == kKeyCharacters && text.starts_with("RW") &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '/';
         });
}

bool is_like_channel(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

bool is_like_url(std::string_view text) {
  const auto rest = text.starts_with("https://")  ? text.substr(8)
                    : text.starts_with("http://") ? text.substr(7)
                                                  : std::string_view();
  return !rest.empty() && rest[0] != '/' && std::all_of(rest.begin(), rest.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '?' && c != '#';
  });
}

/// Where in a line that begins with the bracket of a table something stands that begins no name;
/// nullopt for any other line, and for one that the parser itself has a word for.
std::optional<std::size_t> missing_name(std::string_view line) {
  constexpr std::string_view kBlanks = " \t";
  constexpr std::string_view kFirst =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-\"']";
  auto at = std::min(line.find_first_not_of(kBlanks), line.size());
  if (!line.substr(at).starts_with('[')) return std::nullopt;
  at += line.substr(at).starts_with("[[") ? 2 : 1;
  at = std::min(line.find_first_not_of(kBlanks, at), line.size());
  const bool is_name = at < line.size() && kFirst.find(line[at]) != std::string_view::npos;
  return is_name ? std::nullopt : std::optional(at);
}

bool is_toml(std::string_view text) {
  try {
    static_cast<void>(toml::parse(text));
    return true;
  } catch (const toml::parse_error&) {
    return false;
  }
}

/// Walks the file and refuses what nobody asked for.
class FileReader {
 public:
  FileReader(const std::filesystem::path& path, Config& config) : path_(path), config_(config) {}

  void read() {
    const std::string text = read_file(path_);
    require_table_names(text);
    toml::table root;
    try {
      root = toml::parse(text, path_.string());
    } catch (const toml::parse_error& error) {
      fail(error.source(), std::string(error.description()), "The file is TOML 1.0.");
    }
    for (const auto& [key, node] : root) section(key, node);
  }

 private:
  using Setter = std::function<void(const toml::node&)>;
  using Setters = std::map<std::string, Setter>;

  std::string place(const toml::source_region& where) const {
    return fmt::format("{}:{}:{}", path_.string(), where.begin.line, where.begin.column);
  }

  [[noreturn]] void fail(const toml::source_region& where, const std::string& what,
                         const std::string& hint) const {
    throw Error(ErrorKind::usage, place(where) + ": " + printable(what), hint);
  }

  [[noreturn]] void unknown(const toml::source_region& where, const std::string& what,
                            const std::string& word, const std::vector<std::string>& known) const {
    const auto near = nearest(word, known);
    std::string all;
    for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
    fail(where, "unknown " + what,
         near ? fmt::format("Did you mean {}?", *near) : fmt::format("Known are: {}.", all));
  }

  /// toml++ 3.3 asserts, and so ends the process, where no name follows the bracket of a table. A
  /// line that looks so is one when all before it is TOML; otherwise it is a part of a value.
  void require_table_names(std::string_view text) const {
    std::uint32_t line = 1;
    for (std::size_t start = 0; start < text.size(); ++line) {
      const auto end = std::min(text.find('\n', start), text.size());
      const auto wrong = missing_name(text.substr(start, end - start));
      if (wrong && is_toml(text.substr(0, start))) {
        const toml::source_position place{line, static_cast<std::uint32_t>(*wrong + 1)};
        fail({place, place, nullptr}, "no name of a table",
             "Write it as [daemon]; a name with other characters than letters, digits, _ and - "
             "needs double quotes.");
      }
      start = end + 1;
    }
  }

  void section(const toml::key& key, const toml::node& node) {
    const std::map<std::string, Setters> sections = {
        {"database",
         {{"url", text(config_.database_url)},
          {"connect_timeout", duration(config_.connect_timeout)},
          {"lock_timeout", duration(config_.lock_timeout)}}},
        {"convergers",
         {{"directory", path(config_.convergers)}, {"builtin", names_of(config_.builtin)}}},
        {"daemon", daemon(config_.daemon)},
        {"http",
         {{"ca_file", at(config_.http.ca_file_place, path(config_.http.ca_file))},
          {"proxy", at(config_.http.proxy_place, text(config_.http.proxy))},
          {"connect_timeout", duration(config_.http.connect_timeout)},
          {"idle_timeout", duration(config_.http.idle_timeout)}}},
        {"journal", {{"file", path(config_.journal)}, {"keep", duration(config_.journal_keep)}}},
        {"update", update(config_.update)},
        {"variables", {}},
    };
    const auto found = sections.find(std::string(key.str()));
    const std::string section(key.str());
    if (found == sections.end()) unknown(key.source(), "key " + section, section, names(sections));
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      fail(node.source(), fmt::format("{} must be a table", key.str()),
           fmt::format("Write [{}] on a line of its own.", key.str()));
    }
    for (const auto& [name, value] : *table) {
      if (key.str() == "variables") {
        text(config_.variables[std::string(name.str())])(value);
        continue;
      }
      if (key.str() == "convergers" && value.is_table()) {
        config_.converger_tables.push_back(converger(name, *value.as_table()));
        continue;
      }
      const auto setter = found->second.find(std::string(name.str()));
      if (setter == found->second.end()) {
        unknown(name.source(), fmt::format("key {}.{}", key.str(), name.str()),
                std::string(name.str()), names(found->second));
      }
      setter->second(value);
    }
  }

  Setters daemon(Daemon& daemon) const {
    return {{"workers", integer(daemon.workers, 1, 64)},
            {"connections", integer(daemon.connections, 1, 64)},
            {"status", status(daemon.status)},
            {"status_public", boolean(daemon.status_public)},
            {"log", one_of(daemon.log, kLogFormats)},
            {"log_level", one_of(daemon.log_level, kLogLevels)},
            {"grace", duration(daemon.grace)}};
  }

  Setters update(Update& update) const {
    return {{"url", checked(update.url, is_like_url, "not a base URL",
                            R"(Write it as "https://releases.example.com/converge".)")},
            {"keys", keys(update.keys)},
            {"channel", checked(update.channel, is_like_channel, "not the name of a channel",
                                R"(Write it as "stable": small letters, digits and hyphens.)")},
            {"auto", boolean(update.automatic)},
            {"every", duration(update.every)},
            {"trial", duration(update.trial)},
            {"preflight", duration(update.preflight)}};
  }

  ConvergerTable converger(const toml::key& name, const toml::table& table) const {
    ConvergerTable found{.name = placed(name), .keys = {}};
    for (const auto& [key, value] : table) {
      ConvergerKey one{.name = placed(key), .values = {}};
      if (const toml::array* array = value.as_array()) {
        one.is_array = true;
        for (const auto& element : *array) one.values.push_back(plain(element));
      } else {
        one.values.push_back(plain(value));
      }
      found.keys.push_back(std::move(one));
    }
    return found;
  }
  Placed placed(const toml::key& key) const {
    return {.text = std::string(key.str()), .place = place(key.source())};
  }
  /// Numbers may be written with quotes or without.
  Placed plain(const toml::node& node) const {
    Placed value{.text = {}, .place = place(node.source())};
    if (const auto text = node.value_exact<std::string>()) {
      value.text = *text;
    } else if (const auto number = node.value_exact<std::int64_t>()) {
      value.text = fmt::format("{}", *number);
    } else if (const auto truth = node.value_exact<bool>()) {
      value.text = *truth ? "true" : "false";
    } else {
      fail(node.source(), "the value must be a string, a whole number, true or false",
           "Put it in double quotes.");
    }
    return value;
  }

  template <typename Map>
  static std::vector<std::string> names(const Map& map) {
    std::vector<std::string> names;
    for (const auto& [name, ignored] : map) names.push_back(name);
    return names;
  }

  std::string text_of(const toml::node& node) const {
    const auto value = node.value_exact<std::string>();
    if (!value) fail(node.source(), "the value must be a string", "Put it in double quotes.");
    return *value;
  }
  Setter text(std::string& target) const {
    return [this, &target](const toml::node& node) { target = text_of(node); };
  }
  Setter text(std::optional<std::string>& target) const {
    return [this, &target](const toml::node& node) { target = text_of(node); };
  }
  /// Notes the place of the value, too.
  Setter at(std::string& target, Setter setter) const {
    return [this, &target, setter = std::move(setter)](const toml::node& node) {
      setter(node);
      target = place(node.source());
    };
  }
  Setter names_of(std::vector<Placed>& target) const {
    return [this, &target](const toml::node& node) {
      const toml::array* array = node.as_array();
      if (array == nullptr) {
        fail(node.source(), "the value must be an array of strings", R"(Write it as ["NAME"].)");
      }
      for (const auto& name : *array) {
        target.push_back({.text = text_of(name), .place = place(name.source())});
      }
    };
  }
  Setter checked(std::string& target, bool (*fits)(std::string_view), const char* trouble,
                 const char* hint) const {
    return [this, &target, fits, trouble, hint](const toml::node& node) {
      target = text_of(node);
      if (!fits(target)) fail(node.source(), trouble, hint);
    };
  }
  Setter keys(std::vector<Placed>& target) const {
    return [this, &target](const toml::node& node) {
      names_of(target)(node);
      for (const Placed& key : target) {
        if (is_like_key(key.text)) continue;
        throw Error(ErrorKind::usage, key.place + ": not a public key of minisign",
                    "It is the second line of the .pub file: 56 characters that begin with RW.");
      }
    };
  }
  Setter path(std::filesystem::path& target) const {
    return [this, &target](const toml::node& node) {
      target = text_of(node);
      if (!target.is_absolute()) {
        fail(node.source(), "the path must be absolute", "Begin it with a slash.");
      }
    };
  }
  Setter duration(std::chrono::milliseconds& target) const {
    return [this, &target](const toml::node& node) {
      const auto value = parse_duration(text_of(node));
      if (!value || value->count() == 0) {
        fail(node.source(), "not a duration", R"(Write it as "500ms", "10s" or "1m30s".)");
      }
      target = *value;
    };
  }
  Setter integer(int& target, int least, int most) const {
    return [this, &target, least, most](const toml::node& node) {
      const auto value = node.value_exact<std::int64_t>();
      if (!value || *value < least || *value > most) {
        fail(node.source(), fmt::format("not a whole number from {} to {}", least, most),
             "Write it without quotes.");
      }
      target = static_cast<int>(*value);
    };
  }
  Setter boolean(bool& target) const {
    return [this, &target](const toml::node& node) {
      const auto value = node.value_exact<bool>();
      if (!value) fail(node.source(), "not true or false", "Write it without quotes.");
      target = *value;
    };
  }
  template <typename Value>
  Setter one_of(Value& target, const std::map<std::string, Value>& values) const {
    return [this, &target, &values](const toml::node& node) {
      const std::string text = text_of(node);
      const auto found = values.find(text);
      if (found == values.end())
        unknown(node.source(), "value " + printable(text), text, names(values));
      target = found->second;
    };
  }
  Setter status(std::string& target) const {
    return [this, &target](const toml::node& node) {
      const std::string text = text_of(node);
      if (text != "off" && !is_address(text)) {
        fail(node.source(), "not an address",
             R"(Write it as "127.0.0.1:7432", "[::1]:7432", "unix:/PATH" or "off".)");
      }
      target = text == "off" ? "" : text;
    };
  }

  const std::filesystem::path& path_;
  Config& config_;
};

}  // namespace

void read_settings(const std::filesystem::path& file, Config& config) {
  FileReader(file, config).read();
}

}  // namespace converge::config
