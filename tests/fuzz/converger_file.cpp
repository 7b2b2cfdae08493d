// A converger file is refused with a place in it and a hint, or it is a definition: its statements
// are what stands in the file at the place that is told, and its settings, written as `show` writes
// them, are the same settings again.

#include "convergers/definition.h"
#include "convergers/setting_values.h"
#include "src/base/digest.h"
#include "tests/fuzz/target.h"

#include <algorithm>

namespace converge::fuzz {
namespace {

using namespace convergers;

constexpr const char* kPath = "/etc/converge/convergers/a.sql";

void claim_in_place(const Statement& statement, std::string_view text) {
  claim(!statement.sql.empty(), "a statement is empty");
  std::size_t start = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  for (int line = 1; line < statement.line; ++line) start = text.find('\n', start) + 1;
  const auto at = start + static_cast<std::size_t>(statement.column) - 1;
  claim(at < text.size() && text.substr(at).starts_with(statement.sql),
        "a statement does not stand where it is said to", statement.sql);
}

void claim_settings(const engine::Settings& settings) {
  engine::Settings again;
  for (const auto& [name, value] : setting_texts(settings)) {
    // Names are shown without the quotes that some need, and a limit of none is not written.
    if (name == "listen" || name == "redact" || (name == "limit" && !settings.limit)) continue;
    const auto problem = apply_setting(again, name, value);
    claim(!problem, "a setting is refused as it is shown", value);
  }
  again.listen = settings.listen;
  again.redact = settings.redact;
  claim(setting_texts(again) == setting_texts(settings), "settings are others when read again");
}

}  // namespace

void converger_file(std::string_view input) {
  Definition definition;
  if (const auto error = error_of([&] { definition = parse_definition(kPath, input); })) {
    claim_placed(*error, kPath, input);
    return;
  }
  claim(definition.name == "a" && definition.text == input, "the text is another");
  claim(definition.version == hex(sha256(input)), "the version is another");
  claim_in_place(definition.find, input);
  for (const Statement& step : definition.steps) claim_in_place(step, input);
  claim(!definition.steps.empty() || !definition.outside.empty(), "no step");
  for (const OutsideSection& section : definition.outside) {
    claim(section.after <= definition.steps.size() && !section.lines.empty(), "an empty section");
    claim(!section.expected.empty(), "a section expects nothing");
  }
  claim_settings(definition.settings);
  if (const auto error = error_of([&] { require_acting(definition); })) {
    claim_placed(*error, kPath, input);
  }
}

}  // namespace converge::fuzz
