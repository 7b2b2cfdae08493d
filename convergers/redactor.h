#pragma once

#include "convergers/pieces.h"
#include "convergers/variables.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace converge::convergers {

/// Puts `${NAME}` in the place of the values of variables, for text that comes from outside: an
/// answer may repeat what was sent. Values of less than 4 characters are left, as they would be
/// found everywhere; one that was sent in an escaped form is found in that form too.
class Redactor {
 public:
  Redactor() = default;
  /// Of the variables among the pieces, as far as they have a value.
  Redactor(const Variables& variables, const Pieces& pieces);

  /// When `cut`, more of the text was left out behind it, so that its end may be the beginning of
  /// a value: that is left out too.
  std::string redact(std::string_view text, bool cut = false) const;

 private:
  void add(const std::string& name, std::string value);

  std::vector<std::pair<std::string, std::string>> references_;  ///< By value, the longest first.
};

}  // namespace converge::convergers
