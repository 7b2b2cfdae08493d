#pragma once

#include "src/engine/converger.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace converge::engine {

/// The subjects with the keys that a pass is narrowed to, as far as find returns them now, page by
/// page.
class NamedSubjects {
 public:
  /// A key that is named twice counts once. At most `page_size` keys travel at a time.
  NamedSubjects(const Converger& converger, std::vector<std::string> keys, std::size_t page_size);

  /// So many subjects as a page has, fewer at the end. Throws when a key is none (SQLSTATE 22...).
  Subjects next(postgres::Transaction& transaction);

  /// Each of the keys once, as subjects that have nothing else.
  static Subjects keys_alone(std::vector<std::string> keys);

  std::int64_t size() const { return static_cast<std::int64_t>(keys_.size()); }
  /// Keys that find did not return so far.
  std::int64_t not_found() const;

 private:
  const Converger& converger_;
  std::vector<std::string> keys_;
  std::size_t page_size_;
  std::size_t asked_ = 0;
  std::int64_t found_ = 0;
  Subjects pending_;  ///< Found, and not yet on a page.
};

}  // namespace converge::engine
