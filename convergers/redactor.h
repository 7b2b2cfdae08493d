#pragma once

#include "convergers/pieces.h"
#include "convergers/spelling.h"
#include "convergers/variables.h"

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// Puts `${NAME}` in the place of the values of variables, for text that comes from outside: an
/// answer may repeat what was sent. Values of less than 4 characters are left, as they would be
/// found everywhere.
///
/// Each character of a value is found however it is spelled: as it is, with a backslash or as
/// `\u00fc` (JSON), as `%C3%BC` or `+` (a URL, a form), as `&amp;` or `&#252;` (HTML), in
/// hexadecimal digits of either case. So is base64 of the value, alone or among other bytes, from 8
/// digits on.
class Redactor {
 public:
  Redactor() = default;
  /// Of the variables among the pieces, as far as they have a value.
  Redactor(const Variables& variables, const Pieces& pieces);

  /// When `cut`, more of the text was left out behind it, so that its end may be the beginning of
  /// a value: that is left out too. Takes a time that grows with the text.
  std::string redact(std::string_view text, bool cut = false) const;

 private:
  struct Secret {
    std::string value;
    std::vector<std::string> characters;  ///< Of the value: UTF-8, or bytes that are none.
    std::string reference;
  };
  /// How a text begins.
  struct Found {
    std::size_t size_bytes =
        0;               ///< Of the value in the spelling that is there; 0 for another text.
    bool begun = false;  ///< The text ends where there could be more of the value.
  };

  void add(const std::string& name, std::string value);
  /// `places` and `found` are there to be used again.
  static Found find(const Secret& secret, std::string_view text, std::vector<std::size_t>& places,
                    SpellingEnds& found);

  std::vector<Secret> secrets_;  ///< The longest value first.
  std::bitset<256> beginnings_;  ///< Bytes that a spelling of a value begins with.
};

}  // namespace converge::convergers
