#include "src/engine/named_subjects.h"

#include <algorithm>

namespace converge::engine {

namespace {

void sort_distinct(std::vector<std::string>& keys) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
}

}  // namespace

NamedSubjects::NamedSubjects(const Converger& converger, std::vector<std::string> keys,
                             std::size_t page_size)
    : converger_(converger),
      keys_(std::move(keys)),
      page_size_(page_size),
      pending_(converger.columns().size()) {
  sort_distinct(keys_);
}

Subjects NamedSubjects::keys_alone(std::vector<std::string> keys) {
  sort_distinct(keys);
  Subjects subjects;
  for (const std::string& key : keys) subjects.append({key});
  return subjects;
}

Subjects NamedSubjects::next(postgres::Transaction& transaction) {
  while (pending_.size() < page_size_ && asked_ < keys_.size()) {
    Subjects wanted;  // Of the keys alone.
    const std::size_t end = std::min(asked_ + page_size_, keys_.size());
    for (; asked_ < end; ++asked_) wanted.append({keys_[asked_]});
    const Subjects found = converger_.find_again(transaction, wanted);
    found_ += static_cast<std::int64_t>(found.size());
    for (std::size_t row = 0; row < found.size(); ++row) pending_.append(found, row);
  }
  const std::size_t end = std::min(pending_.size(), page_size_);
  Subjects page = pending_.slice(0, end);
  pending_ = pending_.slice(end, pending_.size());
  return page;
}

std::int64_t NamedSubjects::not_found() const { return size() - found_; }

}  // namespace converge::engine
