#include "src/cli/line_diff.h"

#include <algorithm>
#include <span>

namespace converge::cli {

namespace {

/// Pairs of lines that are compared, at most: time and memory grow with them.
constexpr std::size_t kMostPairs = 4'000'000;

using Lines = std::span<const std::string>;

void append(std::vector<DiffLine>& diff, char mark, Lines lines) {
  for (const std::string& line : lines) diff.push_back({mark, line});
}

/// The longest common subsequence, by the table of its lengths from each place on.
void append_middle(std::vector<DiffLine>& diff, Lines expected, Lines got) {
  const std::size_t width = got.size() + 1;
  std::vector<std::uint32_t> lengths((expected.size() + 1) * width, 0);
  for (std::size_t i = expected.size(); i-- > 0;) {
    for (std::size_t j = got.size(); j-- > 0;) {
      lengths[i * width + j] = expected[i] == got[j] ? lengths[(i + 1) * width + j + 1] + 1
                                                     : std::max(lengths[(i + 1) * width + j],
                                                                lengths[i * width + j + 1]);
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < expected.size() && j < got.size()) {
    if (expected[i] == got[j]) {
      diff.push_back({' ', expected[i++]});
      ++j;
    } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) {
      diff.push_back({'-', expected[i++]});
    } else {
      diff.push_back({'+', got[j++]});
    }
  }
  append(diff, '-', expected.subspan(i));
  append(diff, '+', got.subspan(j));
}

}  // namespace

std::vector<DiffLine> diff_lines(const std::vector<std::string>& expected,
                                 const std::vector<std::string>& got) {
  const auto differ = std::mismatch(expected.begin(), expected.end(), got.begin(), got.end()).first;
  const auto head = static_cast<std::size_t>(differ - expected.begin());
  const Lines old_rest = Lines(expected).subspan(head);
  const Lines new_rest = Lines(got).subspan(head);
  const auto same_end =
      std::mismatch(old_rest.rbegin(), old_rest.rend(), new_rest.rbegin(), new_rest.rend()).first;
  const auto tail = static_cast<std::size_t>(same_end - old_rest.rbegin());

  std::vector<DiffLine> diff;
  append(diff, ' ', Lines(expected).first(head));
  const Lines old_middle = old_rest.first(old_rest.size() - tail);
  const Lines new_middle = new_rest.first(new_rest.size() - tail);
  if (old_middle.size() * new_middle.size() <= kMostPairs) {
    append_middle(diff, old_middle, new_middle);
  } else {
    append(diff, '-', old_middle);
    append(diff, '+', new_middle);
  }
  append(diff, ' ', old_rest.last(tail));
  return diff;
}

}  // namespace converge::cli
