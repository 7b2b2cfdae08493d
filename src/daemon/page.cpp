#include "src/daemon/page.h"

#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/base/version.h"

#include <fmt/format.h>

#include <map>
#include <optional>

// The files as they are, so that they can be edited as what they are.
asm(R"(
  .pushsection .rodata
  converge_page_html: .incbin "src/daemon/page.html"
  converge_page_html_end:
  converge_page_css: .incbin "src/daemon/page.css"
  converge_page_css_end:
  converge_page_js: .incbin "src/daemon/page.js"
  converge_page_js_end:
  .popsection
)");

// NOLINTBEGIN(modernize-avoid-c-arrays): only an array of unknown length is what a label is.
extern "C" {
extern const char converge_page_html[];
extern const char converge_page_html_end[];
extern const char converge_page_css[];
extern const char converge_page_css_end[];
extern const char converge_page_js[];
extern const char converge_page_js_end[];
}
// NOLINTEND(modernize-avoid-c-arrays)

namespace converge::daemon {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

/// Text for between tags and for quoted attributes; what is not UTF-8 or would reorder the line is
/// shown escaped.
std::string html(std::string_view text) {
  std::string safe;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string time_cell(std::string_view label, std::optional<std::int64_t> time_us) {
  const std::string text = time_us ? fmt::format(R"(<time datetime="{}">{}</time>)",
                                                 format_utc(*time_us), format_local(*time_us))
                                   : "–";
  return fmt::format(R"(<td data-label="{}">{}</td>)", label, text);
}

/// Subjects that wait for a step outside the database, for whatever reason.
std::int64_t owed_of(const ConvergerOverview& one) {
  return one.owing.subjects + one.owing.unknown;
}

std::string badges(const ConvergerOverview& one) {
  const bool elsewhere = !one.owned && !one.needs_person() && one.state != "paused";
  auto text = elsewhere ? std::string(R"(<span class="badge elsewhere">on another host</span>)")
                        : fmt::format(R"(<span class="badge {0}">{0}</span>)", html(one.state));
  if (one.quarantined > 0) {
    text +=
        fmt::format(R"( <span class="badge quarantined">{} quarantined</span>)", one.quarantined);
  }
  if (owed_of(one) > 0) {
    text += fmt::format(R"( <span class="badge owed{}">{} owed</span>)",
                        one.owing.matters.empty() ? "" : " late", owed_of(one));
  }
  if (one.running) text += R"( <span class="running">running</span>)";
  return text;
}

std::string told(std::string_view why, std::string_view resolve) {
  std::string text;
  if (!why.empty()) text += fmt::format("<p>{}</p>", html(why));
  if (!resolve.empty()) {
    text += fmt::format(R"(<div class="command"><code>{}</code></div>)", html(resolve));
  }
  return text;
}

std::string notice(const ConvergerOverview& one) {
  std::string text = fmt::format(R"(<article class="notice {}"><h3>{} {}</h3>)", html(one.state),
                                 html(one.name), badges(one));
  text += told(one.why, one.resolve);
  if (!one.file_error.empty()) {
    text += told("its file is broken, and its last good version stays in force: " + one.file_error,
                 "converge check " + one.name);
  }
  for (const engine::Matter& matter : one.owing.matters) {
    text +=
        told(fmt::format("{}. {}{}", matter.why, matter.how, matter.resolve.empty() ? "." : ":"),
             matter.resolve);
  }
  return text + "</article>\n";
}

std::string row(const ConvergerOverview& one) {
  return fmt::format(
      R"(<tr><td class="name" data-label="Name">{}</td><td class="state" data-label="State">{}</td>)"
      R"(<td class="schedule" data-label="Schedule">{}</td>{}{}{}</tr>)"
      "\n",
      html(one.name), badges(one), html(one.schedule), time_cell("Last pass", one.last_pass_us),
      time_cell("Last correction", one.last_correction_us), time_cell("Next", one.next_us));
}

std::string facts(const Overview& overview) {
  return fmt::format("{} {} · up since {}",
                     overview.connected ? "Connected to" : "Not connected to", overview.server,
                     format_local(overview.since_us));
}

std::map<std::string_view, std::string> parts_of(const Overview& overview) {
  const auto headline = headline_of(overview);
  std::string needed;
  std::string paused;
  std::string rows;
  for (const auto& one : overview.convergers) {
    rows += row(one);
    if (one.needs_person()) needed += notice(one);
    if (one.state == "paused" && !one.needs_person()) paused += notice(one);
  }
  return {
      {"level", headline.level},
      {"headline", html(headline.text)},
      {"trouble", html(overview.trouble)},
      {"trial", html(overview.trial)},
      {"facts", html(facts(overview))},
      {"host", html(overview.host)},
      {"build", html(fmt::format("build {} ({})", build_number(), build_commit()))},
      {"notices", needed + paused},
      {"convergers", rows},
      {"journal", html(fmt::format("Journal {}: {} entries, {} bytes", overview.journal.string(),
                                   overview.journal_entries, overview.journal_bytes))}};
}

/// The template with each `{{name}}` replaced, in one go: what a part says is never a name again.
std::string filled(std::string_view form, const std::map<std::string_view, std::string>& parts) {
  std::string text;
  while (true) {
    const auto open = form.find("{{");
    text += form.substr(0, open);
    if (open == std::string_view::npos) return text;
    const auto close = form.find("}}", open);
    text += parts.at(form.substr(open + 2, close - open - 2));
    form.remove_prefix(close + 2);
  }
}

}  // namespace

std::string page(const Overview& overview) {
  return filled(between(converge_page_html, converge_page_html_end), parts_of(overview));
}

std::string_view page_style() { return between(converge_page_css, converge_page_css_end); }

std::string_view page_script() { return between(converge_page_js, converge_page_js_end); }

}  // namespace converge::daemon
