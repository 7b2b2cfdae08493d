#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace converge::cli {

/// A page of the manual, as the binary carries it.
struct Page {
  std::string_view file;           ///< `converge-run.1`
  int section = 0;                 ///< The digit at its end.
  std::vector<std::string> names;  ///< `converge-run`; more where it is about several commands.
  std::string summary;             ///< Half a sentence.
  std::string_view text;           ///< UTF-8, 78 columns, emphasis by overstrike.
};

/// All of them, by section, and in it by name.
std::vector<Page> manual();

/// The page that a topic means: a file's name with or without its section (`converge-sql.5`,
/// `converge-sql(5)`, `converge-sql`), or the same without `converge-` or `converge.` (`sql.5`,
/// `toml`). Of several, the one of the lowest section. Nullptr: none.
const Page* find_page(const std::vector<Page>& pages, std::string_view topic);

/// What a page is called where it is listed: its name without `converge-`, and with the section
/// where another page with a lower one has the same name.
std::string topic_of(const std::vector<Page>& pages, const Page& page);

/// How emphasis is shown: by the terminal itself, or not at all. What a pager gets is left as it
/// is.
enum class Emphasis { none, terminal };

/// Text with overstrike (`N\bN` is bold, `_\bN` underlined), shown like that.
std::string without_overstrike(std::string_view text, Emphasis emphasis);

/// UTF-8 text for a terminal that knows nothing but ASCII: quotes, dashes and the like become what
/// is nearest, and all else `?`.
std::string to_ascii(std::string_view text);

}  // namespace converge::cli
