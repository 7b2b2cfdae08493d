#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace converge::tests {

/// What a page of section 1 or 8 says of the commands that it is about, as far as that can be
/// compared with the program. The page keeps to a few rules:
///
/// - SYNOPSIS has `.Nm converge COMMAND` before the options of each command, `.Fl` for each.
/// - An option is explained by an item of a list that begins with `.Fl`.
/// - EXIT STATUS has an item for each; ENVIRONMENT one with `.Ev`.
/// - JSON has each member as a `.Va`, below `.Ss` where commands or objects differ.
/// - EXAMPLES has literal text; a line that begins with `$ `, or `# ` for root, is typed, and those
///   that follow a backslash at the end of it belong to it. A block behind the comment `file NAME`
///   is that file; one behind the comment `page NAME` is used by a test of the page itself.
struct CommandPage {
  using Names = std::set<std::string>;

  std::filesystem::path file;
  Names names;                           ///< `converge-journal`, all that NAME has.
  std::map<std::string, Names> options;  ///< By command, such as `journal verify`: `--head`, `-n`.
  Names explained;                       ///< Options that have an item.
  Names statuses;
  Names environment;
  std::map<std::string, Names> json;                 ///< By subsection, or an empty name: members.
  std::vector<std::string> examples;                 ///< Commands, each with its prompt.
  std::map<std::string, std::string> example_files;  ///< By name, their text.
  int unmarked_examples = 0;                         ///< Blocks that nothing can be made of.
};

CommandPage read_command_page(const std::filesystem::path& file);
/// All of man/, of section 1 and 8.
std::vector<CommandPage> read_command_pages();

}  // namespace converge::tests
