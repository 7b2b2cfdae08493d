#pragma once

#include "tests/cli/fixture.h"

#include <filesystem>
#include <string>
#include <vector>

namespace converge::tests {

/// What stands in a literal block of a page, and the words of the comment `guide` above it:
/// `file NAME` is written, `append NAME` added to a file, `run` typed into a shell.
struct Block {
  std::string mark;
  std::vector<std::string> lines;
};

/// A command as it is typed, and what it has to print, where `[...]` stands for anything.
struct Typed {
  std::string command;
  std::string printed;
};

/// Of lines with `$ ` before each command; those that are indented right below it belong to it.
std::vector<Typed> commands_of(const std::vector<std::string>& lines);

/// Whether that is what a page shows. Times, durations and stretches of white space may be others.
bool is_as_shown(const std::string& printed, const std::string& shown);

/// Somebody who reads a page, in an empty directory, with an empty database, and does what it says.
class Reader : public Cli {
 public:
  Reader();
  ~Reader();

  /// `example` in a command means the empty one, whatever it is called in the page.
  void follow(const Block& block, const std::string& example);

  /// The same for commands alone, each on a terminal of 80 columns without colours.
  void follow_on_terminal(const std::vector<std::string>& lines, const std::string& example);

  /// All that was to be typed, in one shell, as a person does.
  void require_all_as_printed() const;

  std::size_t commands() const { return typed_.size(); }

 private:
  std::string output(std::size_t number) const;
  void type(Typed typed, const std::string& example);

  std::filesystem::path here_;
  std::string database_;
  std::string script_;
  std::vector<Typed> typed_;
  int files_ = 0;
};

}  // namespace converge::tests
