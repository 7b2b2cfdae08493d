#pragma once

#include <CLI/CLI.hpp>

#include <span>
#include <string>
#include <vector>

namespace converge::cli {

/// What may stand where the cursor is.
struct Completion {
  enum class Kind {
    words,
    files,        ///< The shell knows them.
    directories,  ///< So it does.
  };
  struct Word {
    std::string text;
    std::string about{};  ///< For shells that show it.
  };
  Kind kind = Kind::words;
  std::vector<Word> words{};
};

/// What the last of `words` may become; those before it are as a shell gives them to the program,
/// without its name. All that is offered is read from `app` and its subcommands, and from the
/// directory of definitions and the journal that the words, the environment and the configuration
/// name. Whatever of it cannot be read is left out. Throws nothing but for want of memory.
Completion complete(const CLI::App& app, const std::vector<std::string>& words);

/// `converge complete SHELL ...`, which the scripts call. Prints nothing but what they read; the
/// exit status is always 0.
///
///     bash LINE POINT WORDBREAKS
///
/// is asked for the line up to the cursor: a kind, then quoted words, a line each.
///
///     zsh WORD...
///     fish WORD...
///
/// are: a kind, then words with what they are about after a tab; each ends with a zero byte.
int answer_shell(const CLI::App& app, std::span<char* const> arguments);

}  // namespace converge::cli
