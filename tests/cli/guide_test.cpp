#include "tests/cli/fixture.h"

#include <boost/algorithm/string/replace.hpp>
#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <regex>

namespace {

using namespace converge::tests;

constexpr const char* kPage = "man/converge-writing.7";

/// What stands in a literal block of the page, and the words of the comment `guide` above it.
struct Block {
  std::string mark;
  std::vector<std::string> lines;
};

std::vector<Block> blocks_of(const std::string& page) {
  const std::string sign = ".\\\" guide ";
  std::vector<Block> blocks;
  std::string mark;
  bool inside = false;
  for (std::string line : lines(page)) {
    if (line.starts_with(sign)) mark = line.substr(sign.size());
    if (line == ".Ed" && inside) mark.clear();
    if (line == ".Ed") inside = false;
    boost::replace_all(line, "\\[u2026]", "…");
    boost::replace_all(line, "\\[u2713]", "✓");
    boost::replace_all(line, "\\[u2717]", "✗");
    if (inside) blocks.back().lines.push_back(line);
    if (!line.starts_with(".Bd") || mark.empty()) continue;
    blocks.push_back({.mark = mark, .lines = {}});
    inside = true;
  }
  return blocks;
}

/// A command as it is typed, and what it has to print.
struct Typed {
  std::string command;
  std::string printed;
};

/// Lines that are indented right below a command belong to it.
std::vector<Typed> commands_of(const Block& block) {
  std::vector<Typed> commands;
  for (const std::string& line : block.lines) {
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

/// Without what differs from run to run, and with one blank for each stretch of white space, as the
/// page breaks long lines.
std::string comparable(const std::string& text) {
  static const std::regex took(R"(in [0-9.]+ms)");
  static const std::regex blanks(R"(\s+)");
  return std::regex_replace(std::regex_replace(timeless(text), took, "in T"), blanks, " ");
}

/// Whether the text is the pattern, where `[...]` stands for anything.
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

/// Somebody who reads the page, in an empty directory, with an empty database.
struct Reader : Cli {
  Reader() : here(directory.path() / "here"), club(cluster.create_database()) {
    std::filesystem::create_directory(here);
    std::filesystem::create_directory(directory.path() / "bin");
    std::filesystem::create_symlink(std::filesystem::absolute(binary),
                                    directory.path() / "bin" / "converge");
  }
  ~Reader() { cluster.drop_database(club); }

  void follow(const Block& block) {
    const std::string file = block.mark.substr(block.mark.find(' ') + 1);
    if (block.mark == "run") {
      for (const Typed& typed : commands_of(block)) type(typed);
    } else {
      std::string text;
      for (const std::string& line : block.lines) text += line + "\n";
      const auto path = directory.write(fmt::format("file{}", ++files_), text).string();
      script_ +=
          fmt::format("cat {} {} {}\n", path, block.mark.starts_with("append") ? ">>" : ">", file);
    }
  }

  /// All in one shell, as a person does.
  void require_all_as_printed() {
    const std::string path = (directory.path() / "bin").string() + ":" + std::getenv("PATH");
    const auto ran = run_command(
        {"bash", "-c", script_},
        {.environment = {{"PATH", path}, {"XDG_CONFIG_HOME", here.string()}}, .directory = here});
    BOOST_TEST_REQUIRE(!ran.timed_out);
    BOOST_TEST(ran.err == "");
    for (std::size_t i = 0; i < typed_.size(); ++i) {
      const auto printed = read_text(output(i));
      BOOST_TEST(fits(comparable(printed), comparable(typed_[i].printed)),
                 "$ " << typed_[i].command << "\n"
                      << printed << "instead of\n"
                      << typed_[i].printed);
    }
  }

  std::size_t commands() const { return typed_.size(); }

 private:
  std::string output(std::size_t number) const {
    return (directory.path() / fmt::format("output{}", number)).string();
  }

  void type(const Typed& typed) {
    const auto command =
        boost::replace_all_copy(typed.command, "postgresql:///club", "'" + cluster.url(club) + "'");
    script_ += fmt::format("{{\n{}\n}} >{} 2>&1\n", command, output(typed_.size()));
    typed_.push_back(typed);
  }

  std::filesystem::path here;
  std::string club;
  std::string script_;
  std::vector<Typed> typed_;
  int files_ = 0;
};

BOOST_FIXTURE_TEST_SUITE(guide, Reader)

BOOST_AUTO_TEST_CASE(followed_literally_prints_what_it_shows) {
  for (const Block& block : blocks_of(read_text(kPage))) follow(block);
  BOOST_TEST(commands() > 20u);
  require_all_as_printed();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
