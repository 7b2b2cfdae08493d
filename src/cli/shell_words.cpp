#include "src/cli/shell_words.h"

namespace converge::cli {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

bool is_plain(char c) {
  constexpr std::string_view kPlain = "@%+=:,./_-";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kPlain.find(c) != std::string_view::npos || static_cast<unsigned char>(c) >= 0x80;
}

/// In the state that the characters so far have left it in.
class LineReader {
 public:
  explicit LineReader(std::string_view breaks) : breaks_(breaks) {}

  void read(char c) {
    if (escaped_) {
      // In double quotes, a backslash before another character is one itself.
      if (line_.quote == '"' && std::string_view("\"\\$`\n").find(c) == std::string_view::npos) {
        word_ += '\\';
      }
      word_ += c;
      escaped_ = false;
    } else if (c == '\\' && line_.quote != '\'') {
      escaped_ = true;
      started_ = true;
    } else if (line_.quote != 0) {
      if (c == line_.quote) {
        line_.quote = 0;
      } else {
        word_ += c;
      }
    } else {
      read_unquoted(c);
    }
  }

  TypedLine end() {
    line_.words.push_back(std::move(word_));
    return std::move(line_);
  }

 private:
  void read_unquoted(char c) {
    if (is_blank(c)) {
      if (started_) line_.words.push_back(std::move(word_));
      word_.clear();
      started_ = false;
      line_.kept = 0;
      return;
    }
    started_ = true;
    if (c == '\'' || c == '"') {
      line_.quote = c;
      return;
    }
    word_ += c;
    if (breaks_.find(c) != std::string_view::npos) line_.kept = word_.size();
  }

  std::string_view breaks_;
  TypedLine line_;
  std::string word_;
  bool started_ = false;
  bool escaped_ = false;
};

}  // namespace

TypedLine read_typed_line(std::string_view line, std::string_view breaks) {
  LineReader reader(breaks);
  for (const char c : line) reader.read(c);
  return reader.end();
}

std::string quoted_for_bash(std::string_view text, char quote) {
  std::string quoted;
  for (const char c : text) {
    if (quote == '\'') {
      quoted += c == '\'' ? R"('\'')" : std::string(1, c);
    } else if (quote == '"') {
      if (std::string_view("\"\\$`").find(c) != std::string_view::npos) quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += R"($'\n')";
    } else {
      if (!is_plain(c)) quoted += '\\';
      quoted += c;
    }
  }
  return quoted;
}

}  // namespace converge::cli
