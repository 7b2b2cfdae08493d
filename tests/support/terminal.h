#pragma once

#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace converge::tests {

/// A program with a terminal of its own, 80 columns wide, as a person at a keyboard has it: it is
/// killed with this object.
class Terminal {
 public:
  /// Starts `arguments[0]`, found in PATH. The environment is as in `CommandOptions`. Throws
  /// `std::system_error`.
  Terminal(const std::vector<std::string>& arguments,
           const std::map<std::string, std::optional<std::string>>& environment);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Types; `\x03` is Ctrl-C, `\x04` Ctrl-D.
  void type(const std::string& text) const;
  /// Waits until the text is on the screen; false when the program ends before that.
  bool shows(const std::string& text);
  /// Waits for the end: the exit status, or minus the number of the signal.
  int wait();
  /// All that was shown so far, lines ended by `\n` alone.
  const std::string& screen() const { return screen_; }

 private:
  /// Takes what there is to show; false at the end.
  bool read_more();

  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string screen_;
};

}  // namespace converge::tests
