#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace converge {

/// What the catcher of an `Error` does with it.
enum class ErrorKind {
  usage,      ///< Wrong invocation or configuration; nothing was attempted. Exit status 2.
  transient,  ///< Nobody's fault (deadlock, lost connection): trying again is right.
  in_doubt,   ///< Whether the effect happened is not known here; the server has to be asked.
  failure,    ///< It failed, and would fail again. Exit status 1.
};

/// The one exception that crosses a folder's boundary.
///
/// `message` is lower case without a full stop and names the thing and its value; `hint` is a
/// sentence that says what to do, or empty. `sqlstate` is PostgreSQL's five characters, or empty.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {},
        std::string sqlstate = {})
      : std::runtime_error(message),
        kind_(kind),
        hint_(std::move(hint)),
        sqlstate_(std::move(sqlstate)) {}

  ErrorKind kind() const noexcept { return kind_; }
  const std::string& hint() const noexcept { return hint_; }
  const std::string& sqlstate() const noexcept { return sqlstate_; }

  /// The same error with "CONTEXT: " in front of its message, for the way up.
  Error within(std::string_view context) const {
    return {kind_, std::string(context) + ": " + what(), hint_, sqlstate_};
  }

 private:
  ErrorKind kind_;
  std::string hint_;
  std::string sqlstate_;
};

}  // namespace converge
