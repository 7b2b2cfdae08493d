#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace converge::tests {

/// A page of man/, as its author wrote it (mdoc(7)).
class Manual {
 public:
  /// Throws `std::runtime_error` when there is no such page. `name` is `converge.toml.5`.
  explicit Manual(const std::string& name);

  /// The literal block behind the comment `page MARK`, as it is shown. Throws `std::out_of_range`
  /// when there is none.
  const std::string& block(const std::string& mark) const { return blocks_.at(mark); }
  const std::map<std::string, std::string>& blocks() const { return blocks_; }

  /// What the items of lists below the heading (of a section or a subsection) that begin with the
  /// macro, such as `Va`, are called: several when the item names several. One with
  /// `Ql` is the whole line.
  std::set<std::string> items(const std::string& heading, std::string_view macro) const;
  /// The first paragraph of the text of one of them: its lines, with blanks between. Empty when
  /// there is no such item.
  std::string text_of(const std::string& heading, std::string_view macro,
                      const std::string& item) const;
  /// The headings of subsections, in order.
  const std::vector<std::string>& subsections() const { return subsections_; }

 private:
  struct Item {
    std::string heading;
    std::string macro;
    std::vector<std::string> names;
    std::string text;
  };

  void take_item(const std::string& heading, const std::string& line);
  void take_text(const std::string& line);

  std::vector<Item> items_;
  std::vector<std::string> subsections_;
  std::map<std::string, std::string> blocks_;
};

}  // namespace converge::tests
