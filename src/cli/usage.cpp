#include "src/cli/usage.h"

#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <regex>
#include <string>
#include <vector>

namespace converge::cli {

namespace {

using Names = std::vector<std::string>;

/// The options of `app`, and of those above it, whose options it takes too.
void add_option_names(const CLI::App& app, Names& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
  for (const CLI::App* group : app.get_subcommands({})) {
    if (group->get_name().empty()) add_option_names(*group, names);
  }
}

Names option_names(const CLI::App* app) {
  Names names;
  for (; app != nullptr; app = app->get_parent()) add_option_names(*app, names);
  return names;
}

Names command_names(const CLI::App& app) {
  Names names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_name().empty() && !command->get_group().empty()) {
      names.push_back(command->get_name());
    }
  }
  return names;
}

bool is_in(const Names& names, const std::string& word) {
  return std::find(names.begin(), names.end(), word) != names.end();
}

/// The command that was meant, as far as it was understood.
const CLI::App& meant(const CLI::App& app) {
  const auto below = app.get_subcommands();
  return below.empty() ? app : meant(*below.front());
}

/// `converge journal verify`.
std::string words_to(const CLI::App& app) {
  const CLI::App* above = app.get_parent();
  return above == nullptr ? app.get_name() : words_to(*above) + " " + app.get_name();
}

std::string help_hint(const CLI::App& app) {
  return fmt::format("`{} --help` shows how to use it.", words_to(app));
}

/// Without the value of `--option=value`.
std::string name_in(const std::string& word) { return word.substr(0, word.find('=')); }

/// The one that begins so, or the nearest. A single letter is near to every other.
std::optional<std::string> nearest_option(const std::string& word, const Names& names) {
  if (!word.starts_with("--")) return std::nullopt;
  const auto begins = [&](const auto& name) { return name.starts_with(word); };
  const auto first = std::find_if(names.begin(), names.end(), begins);
  if (first != names.end() && std::none_of(first + 1, names.end(), begins)) return *first;
  return nearest(word, names);
}

Error unknown_option(const CLI::App& app, const std::string& word) {
  // Other commands have it.
  if (word == "--all" && (app.get_name() == "run" || app.get_name() == "plan")) {
    return {ErrorKind::usage, fmt::format("{} has no option --all", words_to(app)),
            fmt::format("`{}` without a name is about all that are due.", words_to(app))};
  }
  const auto near = nearest_option(name_in(word), option_names(&app));
  return {ErrorKind::usage,
          fmt::format("{} has no option {}", words_to(app), printable(name_in(word))),
          near ? fmt::format("Did you mean {}?", *near) : help_hint(app)};
}

Error unknown_command(const CLI::App& app, const std::string& word) {
  const auto near = nearest(word, command_names(app));
  return {ErrorKind::usage, fmt::format("there is no command {}", printable(word)),
          near ? fmt::format("Did you mean `{} {}`?", words_to(app), *near)
               : fmt::format("`{} --help` lists them.", words_to(app))};
}

Error unexpected(const CLI::App& app, const std::string& word) {
  const bool takes_command = !command_names(app).empty();
  if (takes_command && nearest(word, command_names(app))) return unknown_command(app, word);
  return {ErrorKind::usage,
          fmt::format("{} does not take {}", words_to(app),
                      word.empty() ? "an empty argument" : printable(word)),
          help_hint(app)};
}

/// In our words where CLI11's are none of a person's.
std::string message_of(const CLI::ParseError& error) {
  static const std::regex lacks_value(R"((.*): 1 required (\S+) missing)");
  static const std::regex is_no_number(R"(Could not convert: (\S+) = (.*))");
  static const std::regex is_not_among(R"((\S+): (.*) not in \{(.*)\})");
  static const std::regex is_out_of_range(R"((.*): Value (.*) not in range (\S+) to (\S+))");
  std::string text = error.what();
  std::smatch match;
  if (std::regex_match(text, match, lacks_value)) {
    return fmt::format("{} needs a {}", match[1].str(), match[2].str());
  }
  if (std::regex_match(text, match, is_no_number)) {
    return fmt::format("{}: {} cannot be read", match[1].str(), match[2].str());
  }
  if (std::regex_match(text, match, is_not_among)) {
    static const std::regex comma(",");
    return fmt::format("{}: {} is none of {}", match[1].str(), match[2].str(),
                       std::regex_replace(match[3].str(), comma, ", "));
  }
  if (std::regex_match(text, match, is_out_of_range)) {
    return fmt::format("{}: {} is no number from {} to {}", match[1].str(), match[2].str(),
                       match[3].str(), match[4].str());
  }
  return text;
}

/// Options that take a value, so that the word behind one is that.
bool takes_value(const CLI::App& app, const std::string& word) {
  if (word.find('=') != std::string::npos) return false;
  for (const CLI::App* group : app.get_subcommands({})) {
    if (!group->get_name().empty()) continue;
    const auto* option = group->get_option_no_throw(word);
    if (option != nullptr) return option->get_type_size() != 0;
  }
  return false;
}

}  // namespace

Error usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = meant(app);
  const Names left = app.remaining(true);
  const auto option = std::find_if(left.begin(), left.end(), [](const auto& word) {
    return word.size() > 1 && word.starts_with('-') && word != "--";
  });
  if (option != left.end()) return unknown_option(command, *option);
  if (!left.empty()) return unexpected(command, left.front());
  if (&command == &app && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return {ErrorKind::usage, "no command was given", "`converge --help` lists them."};
  }
  return {ErrorKind::usage, printable(message_of(error)), help_hint(command)};
}

void require_known_command(const CLI::App& app, int argc, char** argv) {
  const Names options = option_names(&app);
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (takes_value(app, word)) {
      ++i;
    } else if (word.starts_with('-')) {
      const bool is_short = !word.starts_with("--");  // Several may stand together: -qv.
      if (!is_short && !is_in(options, name_in(word))) throw unknown_option(app, word);
    } else if (is_in(command_names(app), word)) {
      return;
    } else {
      throw unknown_command(app, word);
    }
  }
}

}  // namespace converge::cli
