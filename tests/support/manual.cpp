#include "tests/support/manual.h"

#include "tests/support/roff.h"
#include "tests/support/temp_dir.h"

#include <algorithm>
#include <sstream>

namespace converge::tests {

Manual::Manual(const std::string& name) {
  const std::string sign = ".\\\" page ";
  std::istringstream page(read_text("man/" + name));
  std::string mark;
  std::string heading;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with(sign)) mark = line.substr(sign.size());
    if (line == ".Ed") {
      inside = false;
      mark.clear();
    }
    if (inside) blocks_[mark] += shown(line) + "\n";
    inside = inside || (line.starts_with(".Bd") && !mark.empty());
    if (line.starts_with(".Sh ") || line.starts_with(".Ss ")) heading = shown(line.substr(4));
    if (line.starts_with(".Ss ")) subsections_.push_back(heading);
    if (line.starts_with(".It ")) {
      take_item(heading, line);
    } else {
      take_text(line);
    }
  }
}

void Manual::take_item(const std::string& heading, const std::string& line) {
  const auto words = words_of(line);
  Item item{.heading = heading, .macro = words.at(1), .names = {}, .text = {}};
  if (item.macro == "Ql") item.names.push_back(shown(line.substr(line.find("Ql ") + 3)));
  const auto ends_names = [](const std::string& word) { return word == "No" || word == ":"; };
  for (auto word = words.begin() + 2; item.macro != "Ql" && word != words.end(); ++word) {
    if (ends_names(*word)) break;
    if (*word != ",") item.names.push_back(*word);
  }
  items_.push_back(std::move(item));
}

void Manual::take_text(const std::string& line) {
  if (items_.empty() || line.starts_with(".\\\"")) return;
  items_.back().text += shown(line) + " ";
}

std::set<std::string> Manual::items(const std::string& heading, std::string_view macro) const {
  std::set<std::string> names;
  for (const Item& item : items_) {
    if (item.heading == heading && item.macro == macro) {
      names.insert(item.names.begin(), item.names.end());
    }
  }
  return names;
}

std::string Manual::text_of(const std::string& heading, std::string_view macro,
                            const std::string& item) const {
  const auto found = std::find_if(items_.begin(), items_.end(), [&](const Item& one) {
    return one.heading == heading && one.macro == macro &&
           std::find(one.names.begin(), one.names.end(), item) != one.names.end();
  });
  if (found == items_.end()) return {};
  return found->text.substr(0, found->text.find(".Pp"));
}

}  // namespace converge::tests
