#include "convergers/directive.h"

#include "convergers/setting_values.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace converge::convergers {
namespace {

constexpr std::string_view kIndentHint =
    "A comment with a colon can be indented: put two blanks or more after the dashes.";

bool is_known(std::string_view word, std::span<const std::string> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void require_known(const SourceText& source, const Directive& directive,
                   std::span<const std::string> words) {
  const auto word = directive.word;
  if (is_known(word, words)) return;
  const auto meant = nearest(word, words);
  throw source.error(
      directive.word_offset, fmt::format("unknown directive: {}", word),
      meant ? fmt::format("Did you mean {}? {}", *meant, kIndentHint) : std::string(kIndentHint));
}

}  // namespace

std::span<const std::string> directive_words() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> words = {"operator", "find",   "step",   "http",       "exec",
                                      "for",      "repeat", "expect", "environment"};
    words.insert(words.end(), setting_names().begin(), setting_names().end());
    return words;
  }();
  return all;
}

std::optional<Directive> read_directive(const SourceText& source, const Token& comment,
                                        std::span<const std::string> words) {
  if (!source.starts_line(comment.offset)) return std::nullopt;
  auto rest = comment.text.substr(2);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  const auto length = rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  if (length == std::string_view::npos || length == 0 || rest[length] != ':') return std::nullopt;
  const auto word = rest.substr(0, length);
  const auto written = rest.substr(length + 1);
  const auto value = trim(written);
  const auto offset_of = [&](std::string_view part) {
    return static_cast<std::size_t>(part.data() - source.text().data());
  };
  const Directive directive{.word = word,
                            .value = value,
                            .word_offset = offset_of(word),
                            .value_offset = offset_of(value.empty() ? written : value)};
  if (!written.empty() && written[0] != ' ' && written[0] != '\t') {
    // A setting must not be lost for want of a blank; `-- https://...` is just a comment.
    if (!is_known(word, words)) return std::nullopt;
    throw source.error(directive.value_offset, fmt::format("no blank after {}:", word),
                       fmt::format("Write `-- {}: ...`. {}", word, kIndentHint));
  }
  require_known(source, directive, words);
  return directive;
}

std::optional<Directive> read_directive(const SourceText& source, const Token& comment) {
  return read_directive(source, comment, directive_words());
}

Error does_not_end(const SourceText& source, const Token& unterminated) {
  return source.error(unterminated.offset,
                      fmt::format("this {} does not end", name_of_quote(unterminated)),
                      "Close it with the mark that belongs to it.");
}

}  // namespace converge::convergers
