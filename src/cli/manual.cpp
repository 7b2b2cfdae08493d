#include "src/cli/manual.h"

#include "src/cli/embedded.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace converge::cli {

namespace {

constexpr std::string_view kSources = "man/";
constexpr std::string_view kTexts = "text/";

std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

/// Of mdoc source: what stands below its heading NAME.
void read_names(std::string_view source, Page& page) {
  while (!source.empty() && take_line(source) != ".Sh NAME") {
  }
  while (!source.empty()) {
    const auto line = take_line(source);
    if (line.starts_with(".Sh")) return;
    const auto value = line.substr(std::min<std::size_t>(line.size(), 4));
    if (line.starts_with(".Nm ")) page.names.emplace_back(value.substr(0, value.find(' ')));
    if (line.starts_with(".Nd ")) page.summary = value;
  }
}

/// `converge-sql.5` of `converge-sql(5)`.
std::string with_dot(std::string_view topic) {
  std::string text(topic);
  const auto size = text.size();
  if (size < 4 || text[size - 3] != '(' || text[size - 1] != ')') return text;
  text[size - 3] = '.';
  text.pop_back();
  return text;
}

/// `sql` of `converge-sql`, `toml.5` of `converge.toml.5`; all of `converge.1`.
std::string_view without_prefix(std::string_view name) {
  constexpr std::size_t kShortest = 2;
  for (const std::string_view prefix : {"converge-", "converge."}) {
    const bool begins = name.starts_with(prefix) && name.size() >= prefix.size() + kShortest;
    if (begins) return name.substr(prefix.size());
  }
  return name;
}

bool goes_by(const Page& page, const std::string& topic) {
  const auto is_called = [&](std::string_view name) {
    return name == topic || without_prefix(name) == topic;
  };
  return is_called(page.file) || std::any_of(page.names.begin(), page.names.end(), is_called);
}

/// The bytes of the character that `text` begins with.
std::size_t character_size(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) ++size;
  return size;
}

struct Look {
  bool bold = false;
  bool underlined = false;

  friend bool operator==(const Look&, const Look&) = default;
};

std::string escape_for(const Look& look) {
  std::string escape = "\x1b[0";
  if (look.bold) escape += ";1";
  if (look.underlined) escape += ";4";
  return escape + "m";
}

/// Escapes only where the look changes, and never over a line's end.
class Painter {
 public:
  explicit Painter(Emphasis emphasis) : emphasis_(emphasis) {}

  void add(std::string_view character, const Look& look) {
    const bool blank = character == "\n";
    change(blank ? Look{} : look);
    text_ += character;
  }
  std::string take() {
    change({});
    return std::move(text_);
  }

 private:
  void change(const Look& look) {
    if (emphasis_ == Emphasis::terminal && look != look_) text_ += escape_for(look);
    look_ = look;
  }

  Emphasis emphasis_;
  Look look_ = {};
  std::string text_;
};

}  // namespace

std::vector<Page> manual() {
  std::vector<Page> pages;
  for (const auto& [name, content] : embedded_files()) {
    if (!name.starts_with(kSources)) continue;
    Page page;
    page.file = name.substr(kSources.size());
    page.section = page.file.back() - '0';
    read_names(content, page);
    const auto* text = embedded_file(std::string(kTexts) + std::string(page.file));
    if (text != nullptr) page.text = text->content;
    pages.push_back(std::move(page));
  }
  std::sort(pages.begin(), pages.end(), [](const Page& a, const Page& b) {
    return std::tie(a.section, a.file) < std::tie(b.section, b.file);
  });
  return pages;
}

const Page* find_page(const std::vector<Page>& pages, std::string_view topic) {
  const auto wanted = with_dot(topic);
  const auto found = std::find_if(pages.begin(), pages.end(),
                                  [&](const Page& page) { return goes_by(page, wanted); });
  return found == pages.end() ? nullptr : &*found;
}

std::string topic_of(const std::vector<Page>& pages, const Page& page) {
  const auto name = page.file.substr(0, page.file.rfind('.'));
  const std::string topic(without_prefix(name));
  return find_page(pages, topic) == &page ? topic : std::string(without_prefix(page.file));
}

std::string without_overstrike(std::string_view text, Emphasis emphasis) {
  Painter painter(emphasis);
  while (!text.empty()) {
    Look look;
    auto character = text.substr(0, character_size(text));
    text.remove_prefix(character.size());
    while (text.size() > 1 && text.front() == '\b') {
      (character == "_" ? look.underlined : look.bold) = true;
      text.remove_prefix(1);
      character = text.substr(0, character_size(text));
      text.remove_prefix(character.size());
    }
    painter.add(character, look);
  }
  return painter.take();
}

std::string to_ascii(std::string_view text) {
  using Pair = std::array<std::string_view, 2>;
  constexpr std::array kNearest = {
      Pair{"‘", "'"}, Pair{"’", "'"}, Pair{"“", "\""}, Pair{"”", "\""}, Pair{"–", "-"},
      Pair{"—", "-"}, Pair{"‐", "-"}, Pair{"•", "*"},  Pair{"·", "*"},  Pair{"…", "..."},
      Pair{"✓", "+"}, Pair{"✗", "x"}, Pair{"−", "-"},  Pair{" ", " "}};
  std::string ascii;
  for (; !text.empty(); text.remove_prefix(character_size(text))) {
    const auto character = text.substr(0, character_size(text));
    const auto* nearest = std::find_if(kNearest.begin(), kNearest.end(),
                                       [&](const Pair& pair) { return pair[0] == character; });
    if (character.size() == 1) {
      ascii += character;
    } else {
      ascii += nearest == kNearest.end() ? "?" : (*nearest)[1];
    }
  }
  return ascii;
}

}  // namespace converge::cli
