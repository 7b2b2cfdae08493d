#include "tests/support/offered.h"

#include "tests/support/command.h"

#include <regex>
#include <sstream>
#include <stdexcept>

namespace converge::tests {

namespace {

using Offered = std::map<std::string, std::vector<Spellings>>;

std::string help_of(const std::string& binary, const std::string& command) {
  std::vector<std::string> words = {binary};
  std::istringstream names(command);
  for (std::string name; names >> name;) words.push_back(name);
  words.emplace_back("--help");
  const auto helped = run_command(words);
  if (helped.status != 0) throw std::runtime_error("no help of " + command + ": " + helped.err);
  return helped.out;
}

/// `-n, --lines N  the newest` begins with these spellings.
Spellings spellings_of(std::string line) {
  static const std::regex spelling(R"(^[ ,]*(--?[A-Za-z][A-Za-z-]*))");
  Spellings all;
  for (std::smatch match; std::regex_search(line, match, spelling); line = match.suffix()) {
    all.push_back(match[1]);
  }
  return all;
}

void walk(const std::string& binary, const std::string& command, Offered& offered) {
  static const std::regex heading(R"(^[A-Z].*:$)");
  static const std::regex listed(R"(^  ([a-z]+)( .*)?$)");
  auto& options = offered[command];
  std::istringstream help(help_of(binary, command));
  std::vector<std::string> below;
  std::string section;
  for (std::string line; std::getline(help, line);) {
    std::smatch match;
    if (std::regex_match(line, heading)) {
      section = line;
    } else if (section == "Commands:" && std::regex_match(line, match, listed)) {
      below.push_back((command.empty() ? "" : command + " ") + match[1].str());
    } else if (const auto all = spellings_of(line); section != "Examples:" && !all.empty()) {
      options.push_back(all);
    }
  }
  for (const std::string& name : below) walk(binary, name, offered);
}

}  // namespace

Offered offered_options(const std::string& binary) {
  Offered offered;
  walk(binary, "", offered);
  return offered;
}

}  // namespace converge::tests
