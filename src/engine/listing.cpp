#include "src/engine/listing.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>

namespace converge::engine {

namespace {

/// Hashes that are sorted at a time to find a key that stands twice: 4 MiB of them.
constexpr std::size_t kHashesAtOnce = 512 * 1024;

std::size_t hash_of(std::string_view key) { return std::hash<std::string_view>()(key); }

/// Probes pages in a thread of its own. Nobody waits for it: it takes the newest page when it is
/// done with one.
class Prober {
 public:
  explicit Prober(const Listing::Probe& probe) : probe_(probe) {
    if (probe_) thread_ = std::jthread([this] { work(); });
  }

  void offer(std::size_t chunk, std::shared_ptr<const Subjects> page) {
    const std::lock_guard lock(mutex_);
    offered_ = std::move(page);
    offered_chunk_ = chunk;
    changed_.notify_one();
  }

  /// Ends it after the page that it is at; the chunks that are right already.
  std::vector<std::size_t> finish() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
    return std::move(right_);
  }

  ~Prober() { finish(); }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

 private:
  void work() {
    while (true) {
      std::shared_ptr<const Subjects> page;
      std::size_t chunk = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return over_ || offered_; });
        if (over_) return;
        page = std::exchange(offered_, nullptr);
        chunk = offered_chunk_;
      }
      if (probe_(*page)) right_.push_back(chunk);
    }
  }

  const Listing::Probe& probe_;
  std::vector<std::size_t> right_;  // Of the thread, until it has ended.

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const Subjects> offered_;
  std::size_t offered_chunk_ = 0;
  bool over_ = false;

  std::jthread thread_;  // Last: it uses all of the above.
};

}  // namespace

Listing::Listing(const Pages& pages, std::unique_ptr<postgres::Transaction> transaction,
                 std::size_t chunk, const Probe& probe, const std::function<void()>& between_pages)
    : chunk_(chunk), transaction_(std::move(transaction)) {
  only_ = pages(*transaction_);
  size_ = static_cast<std::int64_t>(only_.size());
  Subjects more(only_.width());
  if (only_.size() == chunk_) more = pages(*transaction_);
  if (more.empty()) {
    only_.require_usable_keys();
    return;
  }
  spool_.emplace();
  read_rest(pages, probe, between_pages, std::move(more));
  rewind();
}

void Listing::read_rest(const Pages& pages, const Probe& probe,
                        const std::function<void()>& between_pages, Subjects page) {
  Prober prober(probe);
  Ascent ascent;
  size_ = 0;
  auto current = std::make_shared<const Subjects>(std::exchange(only_, Subjects(page.width())));
  for (auto next = std::make_shared<const Subjects>(std::move(page)); !current->empty();) {
    prober.offer(right_.size(), current);
    spool(*current);
    for (std::size_t row = 0; row < current->size(); ++row) {
      if (!current->cell(row, 0)) throw_null_key();
      ascent.add(current->key(row));
    }
    between_pages();
    current = std::exchange(next, nullptr);
    if (!current->empty()) {
      next = std::make_shared<const Subjects>(pages(*transaction_));
    }
  }
  transaction_->rollback();
  transaction_.reset();
  for (const std::size_t chunk : prober.finish()) right_[chunk] = true;
  if (!ascent.holds()) require_unique_keys();
}

void Listing::spool(const Subjects& chunk) {
  spool_->append(chunk.encode());
  right_.push_back(false);
  size_ += static_cast<std::int64_t>(chunk.size());
}

Subjects Listing::next() {
  if (!spool_) {
    if (std::exchange(taken_, true)) return Subjects(only_.width());
    return only_;
  }
  std::string record;
  while (spool_->next(record)) {
    if (!right_[next_chunk_++]) return Subjects::decode(record);
  }
  return Subjects(only_.width());
}

void Listing::rewind() {
  taken_ = false;
  next_chunk_ = 0;
  if (spool_) spool_->rewind();
}

template <typename Visit>
void Listing::for_each_key(const Visit& visit) {
  std::string record;
  spool_->rewind();
  while (spool_->next(record)) {
    const Subjects chunk = Subjects::decode(record);
    for (std::size_t row = 0; row < chunk.size(); ++row) visit(chunk.key(row));
  }
}

/// In bounded memory: when there are more keys than hashes that may be kept, they are sorted part
/// by part, each part on a walk of its own. Two equal hashes are looked at more closely.
void Listing::require_unique_keys() {
  const std::size_t parts = (static_cast<std::size_t>(size_) + kHashesAtOnce - 1) / kHashesAtOnce;
  std::vector<std::size_t> hashes;
  for (std::size_t part = 0; part < parts; ++part) {
    hashes.clear();
    for_each_key([&](std::string_view key) {
      const std::size_t hash = hash_of(key);
      if (hash % parts == part) hashes.push_back(hash);
    });
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
  for_each_key([&](std::string_view key) {
    if (hash_of(key) == hash && !seen.emplace(key).second) throw_key_twice(key);
  });
}

}  // namespace converge::engine
