#include "src/engine/listing.h"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <utility>

namespace converge::engine {

namespace {

/// Hashes that are sorted at a time to find a key that stands twice: 4 MiB of them.
constexpr std::int64_t kHashesAtOnce = 512 * 1024;

std::size_t hash_of(std::string_view key) { return std::hash<std::string_view>()(key); }

}  // namespace

Listing::Listing(const Converger& converger, std::unique_ptr<postgres::Transaction> transaction,
                 std::size_t chunk)
    : chunk_(chunk), transaction_(std::move(transaction)) {
  // One more than a chunk tells whether there are more.
  only_ = converger.next(*transaction_, chunk_ + 1);
  size_ = static_cast<std::int64_t>(only_.size());
  if (only_.size() <= chunk_) {
    only_.require_usable_keys();
    return;
  }
  spool_.emplace();
  const std::size_t width = only_.width();
  for (Subjects page = std::move(only_); !page.empty(); page = converger.next(*transaction_, chunk_)) {
    spool(page);
  }
  only_ = Subjects(width);
  size_ = static_cast<std::int64_t>(spool_->size());
  transaction_->rollback();
  transaction_.reset();
  require_unique_keys();
  rewind();
}

Listing::Listing(Subjects subjects, std::unique_ptr<postgres::Transaction> transaction)
    : chunk_(std::max<std::size_t>(subjects.size(), 1)),
      transaction_(std::move(transaction)),
      only_(std::move(subjects)),
      size_(static_cast<std::int64_t>(only_.size())) {}

void Listing::spool(const Subjects& subjects) {
  for (std::size_t row = 0; row < subjects.size(); ++row) {
    if (!subjects.cell(row, 0)) throw_null_key();
    spool_->append(subjects.encode(row));
  }
}

Subjects Listing::next() {
  if (!spool_) {
    if (std::exchange(taken_, true)) return Subjects(only_.width());
    return only_;
  }
  Subjects chunk(only_.width());
  std::string record;
  while (chunk.size() < chunk_ && spool_->next(record)) chunk.append_encoded(record);
  return chunk;
}

void Listing::rewind() {
  taken_ = false;
  if (spool_) spool_->rewind();
}

/// In bounded memory: the keys' hashes are sorted part by part, each part on a walk of its own; two
/// equal hashes are looked at more closely.
void Listing::require_unique_keys() {
  const auto parts = static_cast<std::size_t>((size_ + kHashesAtOnce - 1) / kHashesAtOnce);
  std::vector<std::size_t> hashes;
  std::string record;
  for (std::size_t part = 0; part < parts; ++part) {
    hashes.clear();
    spool_->rewind();
    while (spool_->next(record)) {
      const std::size_t hash = hash_of(Subjects::encoded_key(record));
      if (hash % parts == part) hashes.push_back(hash);
    }
    std::sort(hashes.begin(), hashes.end());
    for (auto twice = std::adjacent_find(hashes.begin(), hashes.end()); twice != hashes.end();
         twice = std::adjacent_find(twice + 1, hashes.end())) {
      confirm_twice(*twice);
    }
  }
}

void Listing::confirm_twice(std::size_t hash) {
  std::unordered_set<std::string> seen;
  std::string record;
  spool_->rewind();
  while (spool_->next(record)) {
    const std::string_view key = Subjects::encoded_key(record);
    if (hash_of(key) == hash && !seen.emplace(key).second) throw_key_twice(key);
  }
}

}  // namespace converge::engine
