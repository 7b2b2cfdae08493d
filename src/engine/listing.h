#pragma once

#include "src/base/spool.h"
#include "src/engine/converger.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace converge::engine {

/// The subjects of a pass.
///
/// All in one chunk: they are kept together with the transaction that found them, for the steps to
/// run in. More: they wait in a temporary file, in the order of find, and the transaction is over.
class Listing {
 public:
  /// Says whether a chunk is right already; called from another thread, one call at a time.
  using Probe = std::function<bool(const Subjects&)>;
  /// The next subjects that are found: a chunk, or fewer at the end, and then none.
  using Pages = std::function<Subjects(postgres::Transaction&)>;

  /// Reads all `pages` in the transaction; keeps it or rolls it back. While the rest is being
  /// found, `probe` looks at chunks, as many as it has time for: those that are right already are
  /// not returned by `next`. `between_pages` may throw to end it. Throws `Error{failure}` when find
  /// returned a key twice or a null key.
  Listing(const Pages& pages, std::unique_ptr<postgres::Transaction> transaction, std::size_t chunk,
          const Probe& probe, const std::function<void()>& between_pages);

  /// Of nobody.
  Listing() = default;

  std::int64_t size() const { return size_; }  ///< All that were found.

  bool has_transaction() const { return transaction_ != nullptr; }
  /// The transaction that found everything, if all fit in one chunk; at most once.
  std::unique_ptr<postgres::Transaction> take_transaction() { return std::move(transaction_); }

  /// The next chunk, empty at the end. Not thread-safe.
  Subjects next();
  void rewind();

  /// Keeps of all subjects those that `wanted` says, chunk by chunk; forgets what was probed.
  template <typename Wanted>
  void keep(const Wanted& wanted);

 private:
  void read_rest(const Pages& pages, const Probe& probe, const std::function<void()>& between_pages,
                 Subjects page);
  void spool(const Subjects& chunk);
  template <typename Visit>
  void for_each_key(const Visit& visit);
  void require_unique_keys();
  void require_distinct(std::vector<std::size_t>& hashes);
  void confirm_twice(std::size_t hash);

  std::size_t chunk_ = 1;
  std::unique_ptr<postgres::Transaction> transaction_;
  Subjects only_;  ///< When there is no spool.
  bool taken_ = false;
  std::optional<Spool> spool_;  ///< Of chunks.
  std::vector<bool> right_;     ///< By chunk: right already, as the probe says.
  std::size_t next_chunk_ = 0;
  std::int64_t size_ = 0;
};

template <typename Wanted>
void Listing::keep(const Wanted& wanted) {
  rewind();
  right_.assign(right_.size(), false);
  Listing kept;
  kept.only_ = Subjects(only_.width());
  if (spool_) kept.spool_.emplace();
  Subjects pending(only_.width());
  for (Subjects chunk = next(); !chunk.empty(); chunk = next()) {
    const auto keep = wanted(chunk);
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      if (keep[row]) pending.append(chunk, row);
    }
    if (!spool_ || pending.size() < chunk_) continue;
    kept.spool(pending);
    pending = Subjects(only_.width());
  }
  if (!spool_) {
    kept.only_ = std::move(pending);
    kept.size_ = static_cast<std::int64_t>(kept.only_.size());
  } else if (!pending.empty()) {
    kept.spool(pending);
  }
  kept.chunk_ = chunk_;
  kept.transaction_ = std::move(transaction_);
  *this = std::move(kept);
  rewind();
}

}  // namespace converge::engine
