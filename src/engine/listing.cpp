#include "src/engine/listing.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <unordered_set>
#include <utility>

namespace converge::engine {

namespace {

/// Hashes that are sorted at a time to find a key that stands twice: 4 MiB of them.
constexpr std::size_t kHashesAtOnce = 512 * 1024;

std::size_t hash_of(std::string_view key) { return std::hash<std::string_view>()(key); }

}  // namespace

Listing::Listing(const Converger& converger, std::unique_ptr<postgres::Transaction> transaction,
                 std::size_t chunk, const Probe& probe, const std::function<void()>& between_pages)
    : chunk_(chunk), transaction_(std::move(transaction)) {
  only_ = converger.next(*transaction_, chunk_);
  size_ = static_cast<std::int64_t>(only_.size());
  Subjects more(only_.width());
  if (only_.size() == chunk_) more = converger.next(*transaction_, chunk_);
  if (more.empty()) {
    only_.require_usable_keys();
    return;
  }
  spool_.emplace();
  spool(only_, &first_hashes_);
  right_.push_back(false);
  only_ = Subjects(more.width());
  read_rest(converger, probe, between_pages, std::move(more));
  size_ = static_cast<std::int64_t>(spool_->size());
  require_unique_keys();
  rewind();
}

/// One page is probed while others are found. The probe is never waited for: the transaction that
/// finds must not last longer for it.
void Listing::read_rest(const Converger& converger, const Probe& probe,
                        const std::function<void()>& between_pages, Subjects page) {
  std::future<bool> probed;
  std::size_t probed_chunk = 0;
  for (auto current = std::make_shared<const Subjects>(std::move(page)); !current->empty();) {
    spool(*current, &first_hashes_);
    const bool idle =
        !probed.valid() || probed.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    if (probe && idle) {
      if (probed.valid()) right_[probed_chunk] = probed.get();
      probed_chunk = right_.size();
      probed = std::async(std::launch::async, [&probe, current] { return probe(*current); });
    }
    right_.push_back(false);
    between_pages();
    current = std::make_shared<const Subjects>(converger.next(*transaction_, chunk_));
  }
  transaction_->rollback();
  transaction_.reset();
  if (probed.valid()) right_[probed_chunk] = probed.get();
}

Listing::Listing(Subjects subjects, std::unique_ptr<postgres::Transaction> transaction)
    : chunk_(std::max<std::size_t>(subjects.size(), 1)),
      transaction_(std::move(transaction)),
      only_(std::move(subjects)),
      size_(static_cast<std::int64_t>(only_.size())) {}

void Listing::spool(const Subjects& subjects, std::vector<std::size_t>* hashes) {
  std::string record;
  for (std::size_t row = 0; row < subjects.size(); ++row) {
    if (!subjects.cell(row, 0)) throw_null_key();
    subjects.encode(row, record);
    spool_->append(record);
    if (hashes != nullptr && hashes->size() < kHashesAtOnce) {
      hashes->push_back(hash_of(subjects.key(row)));
    }
  }
}

Subjects Listing::next() {
  if (!spool_) {
    if (std::exchange(taken_, true)) return Subjects(only_.width());
    return only_;
  }
  Subjects chunk(only_.width());
  std::string record;
  while (next_chunk_ < right_.size() && chunk.empty()) {
    const bool skip = right_[next_chunk_++];
    for (std::size_t row = 0; row < chunk_ && spool_->next(record); ++row) {
      if (!skip) chunk.append_encoded(record);
    }
  }
  return chunk;
}

void Listing::rewind() {
  taken_ = false;
  next_chunk_ = 0;
  if (spool_) spool_->rewind();
}

/// In bounded memory: when there are more keys than hashes that may be kept, they are sorted part
/// by part, each part on a walk of its own. Two equal hashes are looked at more closely.
void Listing::require_unique_keys() {
  std::vector<std::size_t> hashes = std::move(first_hashes_);
  const std::size_t parts = (static_cast<std::size_t>(size_) + kHashesAtOnce - 1) / kHashesAtOnce;
  if (parts == 1) {
    require_distinct(hashes);
    return;
  }
  std::string record;
  for (std::size_t part = 0; part < parts; ++part) {
    hashes.clear();
    spool_->rewind();
    while (spool_->next(record)) {
      const std::size_t hash = hash_of(Subjects::encoded_key(record));
      if (hash % parts == part) hashes.push_back(hash);
    }
    require_distinct(hashes);
  }
}

void Listing::require_distinct(std::vector<std::size_t>& hashes) {
  std::sort(hashes.begin(), hashes.end());
  for (auto twice = std::adjacent_find(hashes.begin(), hashes.end()); twice != hashes.end();
       twice = std::adjacent_find(twice + 1, hashes.end())) {
    confirm_twice(*twice);
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
