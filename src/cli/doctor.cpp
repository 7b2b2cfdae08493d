#include "src/cli/doctor.h"

#include "src/base/text.h"
#include "src/cli/detail_text.h"
#include "src/cli/installed_files.h"
#include "src/cli/output.h"
#include "src/cli/wrapped.h"
#include "src/doctor/examination.h"

#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>

namespace converge::cli {

namespace {

constexpr std::size_t kIndent = 9;  // The widest verdict, and two blanks.

std::string_view word_of(doctor::Verdict verdict) {
  switch (verdict) {
    case doctor::Verdict::ok:
      return "ok";
    case doctor::Verdict::warning:
      return "warning";
    case doctor::Verdict::bad:
      return "bad";
  }
  return "";
}

Style style_of(doctor::Verdict verdict) {
  if (verdict == doctor::Verdict::ok) return Style::good;
  return verdict == doctor::Verdict::bad ? Style::bad : Style::warning;
}

std::string text_of(const doctor::Finding& finding) {
  std::string text = finding.check + ": ";
  if (!finding.converger.empty()) text += printable(finding.converger) + ": ";
  text += finding.message;
  const bool has_ended = text.ends_with('.') || text.ends_with('?');  // In libpq's words.
  if (!finding.remedy.empty()) text += (has_ended ? " " : ". ") + finding.remedy;
  return text;
}

void print_finding(const doctor::Finding& finding, const Common& common) {
  if (common.quiet && finding.verdict == doctor::Verdict::ok) return;
  const auto word = word_of(finding.verdict);
  if (common.json()) {
    JsonObject line;
    line.add("name", finding.check).add("verdict", word).add("message", finding.message);
    line.add("remedy", finding.remedy);
    if (!finding.converger.empty()) line.add("converger", finding.converger);
    print(line.line());
    return;
  }
  const auto line = styled(style_of(finding.verdict), word) +
                    std::string(kIndent - word.size(), ' ') + text_of(finding);
  print(wrapped(line, terminal_columns(), kIndent) + "\n");
}

int examine(const Common& common) {
  bool bad = false;
  const auto tell = [&](const doctor::Finding& finding) {
    bad = bad || finding.verdict == doctor::Verdict::bad;
    print_finding(finding, common);
  };
  const bool stuck = doctor::examine(common.flags, tell);
  for (const auto& finding : examine_installed_files()) tell(finding);
  const int status = bad ? kFailed : kDone;
  if (stuck) _exit(status);  // All is printed; a thread would go on where main has ended.
  return status;
}

}  // namespace

std::function<int()> define_doctor(CLI::App& /*app*/, const Common& common) {
  return [&common] { return examine(common); };
}

}  // namespace converge::cli
