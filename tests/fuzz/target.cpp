#include "tests/fuzz/target.h"

#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace converge::fuzz {
namespace {

constexpr std::array<Target, 8> kTargets = {{{"configuration", configuration},
                                             {"converger_file", converger_file},
                                             {"http_template", http_template},
                                             {"journal_file", journal_file},
                                             {"release_manifest", release_manifest},
                                             {"release_signature", release_signature},
                                             {"test_file", test_file},
                                             {"time_expression", time_expression}}};

/// The number that stands before the colon; 0 where there is none.
std::size_t take_number(std::string_view& text) {
  std::size_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end == text.data() + text.size() || *end != ':') return 0;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return number;
}

}  // namespace

std::span<const Target> targets() { return kTargets; }

void claim(bool holds, std::string_view what, std::string_view more) {
  if (!holds) throw Finding(fmt::format("{}: {}", what, printable(more)));
}

bool is_readable(std::string_view text) {
  std::string plain(text);
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return printable(plain) == plain;
}

std::optional<Error> error_of(const std::function<void()>& body) {
  try {
    body();
    return std::nullopt;
  } catch (const Error& error) {
    const std::string_view message = error.what();
    claim(!message.empty(), "an error says nothing");
    claim(is_readable(message), "a message cannot be read", message);
    claim(is_readable(error.hint()), "a hint cannot be read", error.hint());
    return error;
  }
}

void claim_placed(const Error& error, std::string_view path, std::string_view text) {
  std::string_view message = error.what();
  claim(error.kind() == ErrorKind::usage, "an error of a text is not one of usage", message);
  claim(!error.hint().empty(), "no hint", message);
  claim(message.starts_with(path) && message.substr(path.size()).starts_with(':'), "no path",
        message);
  message.remove_prefix(path.size() + 1);
  const auto line = take_number(message);
  const auto column = take_number(message);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  claim(line >= 1 && line <= lines && column >= 1 && column <= text.size() + 1, "no such place",
        error.what());
  claim(message.starts_with(' ') && message.size() > 1, "no message behind the place",
        error.what());
}

}  // namespace converge::fuzz
