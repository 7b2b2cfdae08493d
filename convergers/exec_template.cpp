#include "convergers/exec_template.h"

#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace converge::convergers {
namespace {

// Parts of one argument that stand side by side, such as `--label='{label}'`, are one text.
void append(Pieces& argument, Pieces more) {
  std::move(more.begin(), more.end(), std::back_inserter(argument));
}

class Splitter {
 public:
  Splitter(const SourceText& source, const BlockLine& line) : source_(source), line_(line) {}

  void split_into(ExecTemplate& arguments) {
    const std::string_view text = line_.text;
    for (at_ = 0; (at_ = text.find_first_not_of(" \t", at_)) != std::string_view::npos;) {
      Pieces argument;
      while (at_ < text.size() && text[at_] != ' ' && text[at_] != '\t') take_part(argument);
      arguments.push_back(std::move(argument));
    }
  }

 private:
  void take_part(Pieces& argument) {
    const std::string_view text = line_.text;
    const char quote = text[at_];
    if (quote != '\'' && quote != '"') {
      const auto end = std::min(text.find_first_of(" \t'\"", at_), text.size());
      append(argument, read(at_, end));
      at_ = end;
      return;
    }
    const auto end = text.find(quote, at_ + 1);
    if (end == std::string_view::npos) {
      throw source_.error(line_.offset + at_, "this quote does not end in its line",
                          "Close it, or put the mark into quotes of the other kind.");
    }
    append(argument, read(at_ + 1, end));
    at_ = end + 1;
  }

  Pieces read(std::size_t begin, std::size_t end) const {
    auto pieces = read_pieces(source_, std::string_view(line_.text).substr(begin, end - begin),
                              line_.offset + begin, Place::argument);
    const auto variable = std::find_if(pieces.begin(), pieces.end(), [](const Piece& piece) {
      return piece.kind == Piece::Kind::variable;
    });
    if (variable == pieces.end()) return pieces;
    throw source_.error(variable->offset, "a variable cannot stand in an argument",
                        "Everybody on the host can read arguments: name it in `-- environment: "
                        "NAME` below, and let the program read it from there.");
  }

  const SourceText& source_;
  const BlockLine& line_;
  std::size_t at_ = 0;
};

}  // namespace

ExecTemplate compile_exec(const SourceText& source, const std::vector<BlockLine>& lines) {
  ExecTemplate arguments;
  for (const BlockLine& line : lines) Splitter(source, line).split_into(arguments);
  const auto start = lines.front().offset;
  const Pieces& program = arguments.front();
  std::string path;
  for (const Piece& piece : program) {
    if (!piece.is_text()) {
      throw source.error(piece.offset, "a column cannot stand in the name of the program",
                         "Let data never say what runs: write the program, and give it the "
                         "column as an argument.");
    }
    path += piece.text;
  }
  if (path.empty() || (path.front() != '/' && path.find('/') != std::string::npos)) {
    throw source.error(start,
                       fmt::format("not a program: {}", path.empty() ? "nothing" : printable(path)),
                       "Write an absolute path, or a name that is looked up in PATH.");
  }
  return arguments;
}

}  // namespace converge::convergers
