#include "src/cli/output.h"

#include "src/base/safe_text.h"
#include "src/base/text.h"
#include "src/cli/columns.h"
#include "src/cli/terminal_text.h"
#include "src/cli/wrapped.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace converge::cli {

namespace {

/// Whether standard output is coloured; decided once, before anything is printed.
bool& colored() {
  static bool value = false;
  return value;
}

/// As the terminal can show it that standard error is.
std::string told(std::string_view text) {
  return wrapped(terminal_text(STDERR_FILENO, text), terminal_columns(STDERR_FILENO), 2);
}

}  // namespace

void use_color(const std::string& when) {
  const char* no_color = std::getenv("NO_COLOR");
  const bool wanted = no_color == nullptr || *no_color == '\0';
  colored() = when == "always" || (when == "auto" && wanted && isatty(STDOUT_FILENO) != 0);
}

std::string styled(Style style, std::string_view text) {
  if (!colored() || style == Style::plain) return std::string(text);
  int code = 0;
  switch (style) {
    case Style::plain:
      break;
    case Style::strong:
      code = 1;
      break;
    case Style::faint:
      code = 2;
      break;
    case Style::good:
      code = 32;
      break;
    case Style::warning:
      code = 33;
      break;
    case Style::bad:
      code = 31;
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

void print(std::string_view data) {
  const std::string text = terminal_text(STDOUT_FILENO, data);
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return;
  }
  // A reader that went away has seen enough. Only a pass gets here: SIGPIPE ends the others.
  if (errno == EPIPE) return;
  throw Error(ErrorKind::failure, "cannot write to standard output: " + system_reason(errno));
}

void print_error(const Error& error) {
  // What a server or a file name says is in it; the lines of a definition are too.
  std::string text = fmt::format("converge: error: {}\n", printable_lines(error.what()));
  if (!error.hint().empty()) {
    text += fmt::format("converge: hint: {}\n", printable_lines(error.hint()));
  }
  std::fputs(told(text).c_str(), stderr);
}

void print_notice(std::string_view text) {
  std::fputs(told(fmt::format("converge: {}\n", printable_lines(text))).c_str(), stderr);
}

std::string Table::take() {
  for (const auto& row : rows_) {
    widths_.resize(std::max(widths_.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths_[i] = std::max(widths_[i], columns_of(row[i].text));
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += styled(row[i].style, row[i].text);
      if (i + 1 < row.size()) text.append(widths_[i] - columns_of(row[i].text) + 2, ' ');
    }
    text += '\n';
  }
  rows_.clear();
  return text;
}

}  // namespace converge::cli
