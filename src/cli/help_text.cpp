#include "src/cli/help_text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace converge::cli {

namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kGap = 2;
/// Terms that are wider have their text on the next line.
constexpr std::size_t kWidestTerm = 24;

/// A term and its text.
using Line = std::pair<std::string, std::string>;

/// Breaks a text at blanks; each line after the first is indented.
std::string broken(std::string_view text, std::size_t indent) {
  std::string lines;
  std::size_t column = indent;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (column > indent && column + 1 + end > kColumns) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += text.substr(0, end);
    column += end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string section(std::string_view heading, const std::vector<Line>& lines) {
  if (lines.empty()) return {};
  std::size_t widest = 0;
  for (const auto& [term, text] : lines) {
    if (term.size() <= kWidestTerm) widest = std::max(widest, term.size());
  }
  const std::size_t indent = kGap + widest + kGap;
  std::string out = fmt::format("\n{}:\n", heading);
  for (const auto& [term, text] : lines) {
    out += "  " + term;
    if (!text.empty()) {
      const bool fits = term.size() <= widest;
      out += fits ? std::string(indent - kGap - term.size(), ' ') : "\n" + std::string(indent, ' ');
      out += broken(text, indent);
    }
    out += '\n';
  }
  return out;
}

bool is_many(const CLI::Option& option) {
  return option.get_expected_max() >= CLI::detail::expected_max_vector_size;
}

/// `-n, --lines N`.
std::string term_of(const CLI::Option& option) {
  std::vector<std::string> spellings;
  for (const auto& name : option.get_snames()) spellings.push_back("-" + name);
  for (const auto& name : option.get_lnames()) spellings.push_back("--" + name);
  std::string term = fmt::format("{}", fmt::join(spellings, ", "));
  if (option.get_type_size() == 0) return term;
  // What CLI11 puts behind it, a range or the members of a set, is in the text or the page.
  const std::string type = option.get_type_name();
  return term + " " + type.substr(0, type.find(':'));
}

std::string argument_of(const CLI::Option& option) {
  const std::string name = option.get_name(true, false) + (is_many(option) ? "..." : "");
  return option.get_required() ? name : "[" + name + "]";
}

std::vector<Line> options_of(const CLI::App& app) {
  // That of a group is the one of its command.
  const bool is_group = app.get_name().empty();
  const auto options = app.get_options([&](const CLI::Option* option) {
    return !option->get_group().empty() && option->nonpositional() &&
           !(is_group && option == app.get_help_ptr());
  });
  std::vector<Line> lines;
  std::transform(options.begin(), options.end(), std::back_inserter(lines),
                 [](const CLI::Option* option) {
                   const std::string must = option->get_required() ? "; must be given" : "";
                   return Line(term_of(*option), option->get_description() + must);
                 });
  return lines;
}

class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode /*mode*/) const override {
    std::string text = app->get_description() + "\n\nUsage: " + name + " [OPTION...]";
    std::vector<Line> arguments;
    for (const CLI::Option* option : app->get_options()) {
      if (!option->get_positional()) continue;
      text += " " + argument_of(*option);
      arguments.emplace_back(argument_of(*option), option->get_description());
    }
    std::vector<Line> commands;
    std::string groups;
    for (const CLI::App* below : app->get_subcommands({})) {
      if (below->get_name().empty()) {
        groups += section(below->get_group(), options_of(*below));
      } else if (!below->get_group().empty()) {
        commands.emplace_back(below->get_name(), below->get_description());
      }
    }
    if (!commands.empty()) {
      text += app->get_require_subcommand_min() == 0 ? " [COMMAND]" : " COMMAND";
    }
    text += "\n" + section("Arguments", arguments) + section("Options", options_of(*app)) + groups +
            section("Commands", commands);
    return text + app->get_footer() + "\n";
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace converge::cli
