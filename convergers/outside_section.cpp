#include "convergers/outside_section.h"

#include "convergers/exec_template.h"
#include "convergers/http_template.h"
#include "src/base/clock.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace converge::convergers {
namespace {

constexpr int kLeastHttpStatus = 200;
constexpr int kGreatestHttpStatus = 599;
constexpr int kGreatestExitStatus = 255;
constexpr std::array<std::string_view, 2> kOurs = {"CONVERGE_IDEMPOTENCY_KEY",
                                                   "CONVERGE_CONVERGER"};

std::optional<int> parse_digits(std::string_view text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = failure == std::errc{} && end == text.data() + text.size();
  return whole && !text.starts_with('-') ? std::optional(number) : std::nullopt;
}

// `204` or `2xx`.
std::optional<StatusRange> parse_http_status(std::string_view word) {
  if (word.size() != 3) return std::nullopt;
  const bool any = word.ends_with("xx");
  const auto number = parse_digits(any ? word.substr(0, 1) : word);
  if (!number) return std::nullopt;
  const StatusRange range = any ? StatusRange{.first = *number * 100, .last = *number * 100 + 99}
                                : StatusRange{.first = *number, .last = *number};
  if (range.first < kLeastHttpStatus || range.last > kGreatestHttpStatus) return std::nullopt;
  return range;
}

std::optional<StatusRange> parse_exit_status(std::string_view word) {
  const auto number = parse_digits(word);
  if (!number || *number > kGreatestExitStatus) return std::nullopt;
  return StatusRange{.first = *number, .last = *number};
}

// A name that `${NAME}` can have, too.
bool is_variable_name(std::string_view text) {
  constexpr std::string_view kFirst = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view kNotFirst = "0123456789";
  const auto rest = std::min(text.find_first_not_of(kFirst), text.size());
  return rest > 0 &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(rest), text.end(), [&](char c) {
           return kFirst.find(c) != std::string_view::npos ||
                  kNotFirst.find(c) != std::string_view::npos;
         });
}

// What stands between commas, without blanks around it, and where.
template <typename Take>
void for_each_listed(const Directive& directive, const Take& take) {
  auto rest = directive.value;
  auto offset = directive.value_offset;
  for (bool more = true; more;) {
    const auto comma = rest.find(',');
    more = comma != std::string_view::npos;
    const auto part = rest.substr(0, comma);
    const auto before = std::min(part.find_first_not_of(" \t"), part.size());
    take(trim(part), offset + before);
    rest.remove_prefix(more ? comma + 1 : rest.size());
    offset += part.size() + 1;
  }
}

}  // namespace

bool is_expected(const std::vector<StatusRange>& expected, int status) {
  return std::any_of(expected.begin(), expected.end(), [&](const StatusRange& range) {
    return status >= range.first && status <= range.last;
  });
}

OutsideReader::OutsideReader(const SourceText& source, const Directive& opening, std::size_t after)
    : source_(&source), block_(source, opening.word_offset) {
  section_.kind = opening.word;
  section_.title = opening.value;
  section_.offset = opening.word_offset;
  section_.after = after;
  const bool http = section_.kind == "http";
  section_.expect = http ? "2xx" : "0";
  section_.expected = {http ? StatusRange{.first = 200, .last = 299} : StatusRange{}};
}

void OutsideReader::take_comment(const Token& comment) {
  if (block_.take(comment) || !given_.empty() || !is_indented(*source_, comment)) return;
  // Half a request must not be taken for a whole one because of a line left empty.
  throw source_->error(comment.offset,
                       fmt::format("this line is apart from the {} above it",
                                   section_.kind == "http" ? "request" : "program"),
                       "Write an empty line of it as `--`, and no other line in between.");
}

void OutsideReader::take_directive(const Directive& directive) {
  const auto same = [&](const Directive& other) { return other.word == directive.word; };
  if (std::any_of(given_.begin(), given_.end(), same)) {
    throw source_->error(directive.word_offset,
                         fmt::format("{} is given twice in this step", directive.word),
                         "Remove one of the two.");
  }
  block_.end();
  given_.push_back(directive);
  if (directive.word == "for") return take_for(directive);
  if (directive.word == "repeat") return take_repeat(directive);
  if (directive.word == "environment") return take_environment(directive);
  take_expect(directive);
}

void OutsideReader::take_for(const Directive& directive) {
  if (directive.value != "changed" && directive.value != "found") {
    throw source_->error(
        directive.value_offset,
        fmt::format("for is neither changed nor found: {}",
                    directive.value.empty() ? "nothing" : printable(directive.value)),
        "Write changed for the subjects that the SQL steps above it have changed, "
        "or found for every subject of find.");
  }
  section_.acts_for =
      directive.value == "found" ? engine::ActsFor::found : engine::ActsFor::changed;
}

void OutsideReader::take_repeat(const Directive& directive) {
  const auto duration = parse_duration(directive.value);
  if (!duration || duration->count() == 0) {
    throw source_->error(
        directive.value_offset,
        fmt::format("repeat is not a duration: {}",
                    directive.value.empty() ? "nothing" : printable(directive.value)),
        "Write numbers with units, largest first, such as 30s, 10m or 1h30m.");
  }
  section_.repeat = *duration;
}

void OutsideReader::take_expect(const Directive& directive) {
  section_.expect = directive.value;
  section_.expected.clear();
  for_each_listed(directive, [&](std::string_view word, std::size_t offset) {
    section_.expected.push_back(read_status(word, offset));
  });
}

void OutsideReader::take_environment(const Directive& directive) {
  if (section_.kind != "exec") {
    throw source_->error(
        directive.word_offset, "environment belongs to an exec step",
        "A request has no environment: write `${NAME}` where it needs a variable.");
  }
  for_each_listed(directive, [&](std::string_view name, std::size_t offset) {
    section_.environment.push_back(read_variable(name, offset));
  });
}

Piece OutsideReader::read_variable(std::string_view name, std::size_t offset) const {
  const auto& others = section_.environment;
  if (!is_variable_name(name)) {
    throw source_->error(
        offset,
        fmt::format("not the name of a variable: {}", name.empty() ? "nothing" : printable(name)),
        "Write names with commas, each of letters, digits and underscores: API_URL, API_TOKEN.");
  }
  if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) {
    throw source_->error(offset, fmt::format("{} is not for a definition to set", name),
                         "Leave it out: every program is given it.");
  }
  if (std::any_of(others.begin(), others.end(), [&](const Piece& it) { return it.text == name; })) {
    throw source_->error(offset, fmt::format("{} is named twice", name), "Remove one of the two.");
  }
  return {.kind = Piece::Kind::variable,
          .text = std::string(name),
          .offset = offset,
          .line = source_->line(offset),
          .column = source_->column(offset),
          .place = Place::argument};
}

StatusRange OutsideReader::read_status(std::string_view word, std::size_t offset) const {
  const bool http = section_.kind == "http";
  const auto status = http ? parse_http_status(word) : parse_exit_status(word);
  if (status) return *status;
  throw source_->error(offset,
                       fmt::format("expect has no {} status: {}", http ? "HTTP" : "exit",
                                   word.empty() ? "nothing" : printable(word)),
                       http ? "Write statuses from 200 to 599, or classes, with commas: 2xx, 409."
                            : "Write numbers from 0 to 255 with commas: 0, 3.");
}

OutsideSection OutsideReader::close() {
  const auto given = [&](std::string_view word) {
    return std::find_if(given_.begin(), given_.end(),
                        [&](const Directive& directive) { return directive.word == word; });
  };
  const bool found = section_.acts_for == engine::ActsFor::found;
  const auto repeat = given("repeat");
  if (found && repeat == given_.end()) {
    throw source_->error(given("for")->word_offset, "for: found without repeat",
                         "Say below it how often at most, such as `-- repeat: 10m`.");
  }
  if (!found && repeat != given_.end()) {
    throw source_->error(repeat->word_offset, "repeat without for: found",
                         "A step for changed subjects acts once for each change: remove it, or "
                         "write `-- for: found`.");
  }
  section_.lines = block_.lines();
  if (section_.lines.empty()) {
    const bool http = section_.kind == "http";
    throw source_->error(
        section_.offset,
        fmt::format("this {} has no {}", section_.kind, http ? "request" : "program"),
        "Write it on the lines right below, with two blanks or more after the "
        "dashes.");
  }
  if (section_.kind == "http") {
    compile_http(*source_, section_.lines);
  } else {
    compile_exec(*source_, section_.lines);
  }
  return std::move(section_);
}

}  // namespace converge::convergers
