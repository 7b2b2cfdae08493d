#include "tests/cli/reader.h"

#include <boost/algorithm/string/replace.hpp>
#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <cstdlib>
#include <regex>
#include <utility>

namespace converge::tests {
namespace {

// Without what differs from run to run, and with one blank for each stretch of white space, as the
// page breaks long lines.
std::string comparable(const std::string& text) {
  static const std::regex took(R"(in [0-9.]+ms)");
  static const std::regex blanks(R"(\s+)");
  return std::regex_replace(std::regex_replace(timeless(text), took, "in T"), blanks, " ");
}

// Whether the text is the pattern, where `[...]` stands for anything.
bool fits(const std::string& text, std::string pattern) {
  const std::string anything = "[...]";
  std::size_t from = 0;
  for (bool first = true;; first = false) {
    const auto gap = pattern.find(anything);
    const bool last = gap == std::string::npos;
    const auto part = pattern.substr(0, gap);
    const auto at = last && !first ? text.rfind(part) : text.find(part, from);
    if (at == std::string::npos || at < from || (first && at != 0)) return false;
    from = at + part.size();
    if (last) return from == text.size();
    pattern.erase(0, gap + anything.size());
  }
}

}  // namespace

std::vector<Typed> commands_of(const std::vector<std::string>& lines) {
  std::vector<Typed> commands;
  for (const std::string& line : lines) {
    if (line.starts_with("$ ")) {
      commands.push_back({.command = line.substr(2), .printed = {}});
    } else if (commands.back().printed.empty() && line.starts_with("  ")) {
      commands.back().command += "\n" + line;
    } else {
      commands.back().printed += line + "\n";
    }
  }
  return commands;
}

bool is_as_shown(const std::string& printed, const std::string& shown) {
  return fits(comparable(printed), comparable(shown));
}

Reader::Reader() : here_(directory.path() / "here"), database_(cluster.create_database()) {
  std::filesystem::create_directory(here_);
  std::filesystem::create_directory(directory.path() / "bin");
  std::filesystem::create_symlink(std::filesystem::absolute(binary),
                                  directory.path() / "bin" / "converge");
}

Reader::~Reader() { cluster.drop_database(database_); }

void Reader::follow(const Block& block, const std::string& example) {
  const std::string file = block.mark.substr(block.mark.find(' ') + 1);
  if (block.mark == "run") {
    for (const Typed& typed : commands_of(block.lines)) type(typed, example);
  } else {
    std::string text;
    for (const std::string& line : block.lines) text += line + "\n";
    const auto path = directory.write(fmt::format("file{}", ++files_), text).string();
    script_ +=
        fmt::format("cat {} {} {}\n", path, block.mark.starts_with("append") ? ">>" : ">", file);
  }
}

void Reader::follow_on_terminal(const std::vector<std::string>& lines, const std::string& example) {
  // script(1) gives it one; bars of progress, which a slow machine may see, erase themselves.
  for (Typed typed : commands_of(lines)) {
    const auto path =
        directory.write(fmt::format("typed{}", typed_.size()), typed.command).string();
    typed.command = fmt::format(
        "script -qec 'stty cols 80; NO_COLOR=1 PAGER=cat LC_ALL=C.UTF-8 bash {}' /dev/null "
        "</dev/null | sed 's/.*\\r\\x1b\\[K//'",
        path);
    type(std::move(typed), example);
  }
}

void Reader::require_all_as_printed() const {
  const std::string path = (directory.path() / "bin").string() + ":" + std::getenv("PATH");
  // As where each user has a group, and its members may write what he makes.
  const auto ran = run_command(
      {"bash", "-c", "umask 002\n" + script_},
      {.environment = {{"PATH", path}, {"XDG_CONFIG_HOME", here_.string()}}, .directory = here_});
  BOOST_TEST_REQUIRE(!ran.timed_out);
  BOOST_TEST(ran.err == "");
  for (std::size_t i = 0; i < typed_.size(); ++i) {
    const auto printed = read_text(output(i));
    BOOST_TEST(is_as_shown(printed, typed_[i].printed), "$ " << typed_[i].command << "\n"
                                                             << printed << "instead of\n"
                                                             << typed_[i].printed);
  }
}

std::string Reader::output(std::size_t number) const {
  return (directory.path() / fmt::format("output{}", number)).string();
}

void Reader::type(Typed typed, const std::string& example) {
  const auto command =
      boost::replace_all_copy(typed.command, example, "'" + cluster.url(database_) + "'");
  script_ += fmt::format("{{\n{}\n}} >{} 2>&1\n", command, output(typed_.size()));
  typed_.push_back(std::move(typed));
}

}  // namespace converge::tests
