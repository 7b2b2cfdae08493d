#include "tests/support/command_page.h"

#include "tests/support/roff.h"
#include "tests/support/temp_dir.h"

#include <algorithm>
#include <sstream>

namespace converge::tests {

namespace {

bool is_macro(const std::string& word) {
  static const std::set<std::string> kMacros = {"Ar", "Cm", "Ev", "Fl", "It", "Nm", "No",
                                                "Ns", "Oc", "Oo", "Op", "Pq", "Ql", "Va"};
  return kMacros.contains(word);
}

bool is_punctuation(const std::string& word) {
  return word.find_first_not_of(".,;:()|") == std::string::npos;
}

/// Of `.It Fl n , Fl -lines Ar N`, for `Fl`: `n` and `-lines`.
std::vector<std::string> arguments_of(const std::vector<std::string>& words,
                                      const std::string& macro) {
  std::vector<std::string> found;
  std::string current;
  for (std::string word : words) {
    if (word.starts_with('.') && word.size() > 1) word.erase(0, 1);
    if (is_macro(word)) {
      current = word;
    } else if (current == macro && !is_punctuation(word)) {
      found.push_back(word);
    }
  }
  return found;
}

/// `-n` and `--lines`; `qv` is two, and `f | r` as well.
void add_options(CommandPage::Names& options, const std::vector<std::string>& words) {
  for (const std::string& word : arguments_of(words, "Fl")) {
    if (word.starts_with('-')) {
      options.insert("-" + word);
    } else {
      for (const char letter : word) options.insert(std::string("-") + letter);
    }
  }
}

const std::string kFile = ".\\\" file ";
const std::string kPage = ".\\\" page ";

/// Reads a page line by line.
class PageReader {
 public:
  explicit PageReader(const std::filesystem::path& file) { page_.file = file; }

  void take(const std::string& line) {
    if (line.starts_with(kFile)) file_ = line.substr(kFile.size());
    if (line.starts_with(kPage)) is_used_ = true;
    if (line.starts_with(".Sh ")) {
      section_ = line.substr(4);
      subsection_.clear();
    } else if (line.starts_with(".Ss ")) {
      subsection_ = line.substr(4);
    } else if (!line.starts_with(".\\\"")) {
      take_text(line, words_of(line));
    }
  }

  const CommandPage& page() const { return page_; }

 private:
  void take_text(const std::string& line, const std::vector<std::string>& words) {
    const bool is_item = line.starts_with(".It ");
    if (is_item && words.size() > 1 && words[1] == "Fl") add_options(page_.explained, words);
    if (section_ == "NAME" && line.starts_with(".Nm ")) page_.names.insert(words.at(1));
    if (section_ == "SYNOPSIS") take_synopsis(line, words);
    if (section_ == "EXIT STATUS" && is_item) page_.statuses.insert(words.at(1));
    if (section_ == "ENVIRONMENT" && is_item) add(page_.environment, arguments_of(words, "Ev"));
    if (section_ == "JSON" && line.starts_with('.')) {
      add(page_.json[subsection_], arguments_of(words, "Va"));
    }
    if (section_ == "EXAMPLES") take_example(line);
  }

  void take_synopsis(const std::string& line, const std::vector<std::string>& words) {
    const std::string name = ".Nm converge";
    if (line.starts_with(name)) {
      command_ = line.size() > name.size() ? line.substr(name.size() + 1) : "";
      page_.options[command_];
    } else {
      add_options(page_.options[command_], words);
    }
  }

  void take_example(const std::string& line) {
    const std::string display = ".Dl ";
    if (line.starts_with(display)) {
      begin_block();
      take_shown(shown(line.substr(display.size())));
      end_block();
    } else if (line.starts_with(".Bd -literal")) {
      begin_block();
      is_literal_ = true;
    } else if (line == ".Ed") {
      end_block();
    } else if (is_literal_) {
      take_shown(shown(line));
    }
  }

  void begin_block() { before_ = page_.examples.size(); }

  void take_shown(const std::string& text) {
    auto& typed = page_.examples;
    if (!file_.empty()) {
      page_.example_files[file_] += text + "\n";
    } else if (text.starts_with("$ ") || text.starts_with("# ")) {
      typed.push_back(text);
    } else if (typed.size() > before_ && typed.back().ends_with('\\')) {
      typed.back() += "\n" + text;
    }
  }

  void end_block() {
    const bool is_of_use = !file_.empty() || is_used_ || page_.examples.size() > before_;
    if (!is_of_use) ++page_.unmarked_examples;
    is_literal_ = false;
    is_used_ = false;
    file_.clear();
  }

  static void add(CommandPage::Names& names, const std::vector<std::string>& more) {
    names.insert(more.begin(), more.end());
  }

  CommandPage page_;
  std::string section_;
  std::string subsection_;
  std::string command_;
  std::string file_;         ///< That the block to come, or this one, is.
  std::size_t before_ = 0;   ///< Commands before this block.
  bool is_used_ = false;     ///< By another test.
  bool is_literal_ = false;  ///< Within a block.
};

}  // namespace

CommandPage read_command_page(const std::filesystem::path& file) {
  PageReader reader(file);
  std::istringstream text(read_text(file));
  for (std::string line; std::getline(text, line);) reader.take(line);
  return reader.page();
}

std::vector<CommandPage> read_command_pages() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator("man")) {
    if (entry.path().extension() == ".1" || entry.path().extension() == ".8") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<CommandPage> pages;
  std::transform(files.begin(), files.end(), std::back_inserter(pages), read_command_page);
  return pages;
}

}  // namespace converge::tests
