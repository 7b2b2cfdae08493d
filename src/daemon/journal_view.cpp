#include "src/daemon/journal_view.h"

#include "journal/reader.h"
#include "src/base/error.h"
#include "src/base/json_object.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace converge::daemon {
namespace {

constexpr std::int64_t kMostCorrections = 100;
constexpr std::int64_t kBucketUs = 300'000'000;
constexpr std::int64_t kBuckets = 72;

/// What was done, without the rows: `[{"title":"archive clusters","count":3}]`.
std::string steps_of(const std::string& detail) {
  std::string steps;
  try {
    const auto object = Poco::JSON::Parser().parse(detail).extract<Poco::JSON::Object::Ptr>();
    const auto array = object->getArray("steps");
    for (std::size_t i = 0; !array.isNull() && i < array->size(); ++i) {
      const auto step = array->getObject(static_cast<unsigned>(i));
      JsonObject one;
      one.add("title", step->getValue<std::string>("title"))
          .add("count", step->getValue<std::int64_t>("count"));
      steps += (steps.empty() ? "" : ",") + one.text();
    }
  } catch (const Poco::Exception&) {
    return "[]";  // It was redacted, or is not as it should be, which is `journal verify`'s to say.
  }
  return "[" + steps + "]";
}

std::string json_of(const journal::StoredEntry& stored) {
  const auto& entry = stored.entry;
  JsonObject object;
  object.add("seq", stored.seq).add("time", format_utc(stored.time_us));
  if (entry.definition) object.add("converger", entry.definition->name);
  object.add("pass", entry.pass)
      .add("subject", entry.subject)
      .add("label", entry.label)
      .add("changes", entry.count)
      .add("actor", stored.actor);
  if (stored.settled) object.add("outcome", name_of(*stored.settled));
  return object.add_raw("steps", steps_of(entry.detail.value_or(""))).text();
}

std::vector<std::string> read_corrections(const std::filesystem::path& file) {
  std::vector<std::string> entries;
  const journal::Filter filter{.kinds = {journal::Kind::inconsistency}, .newest = kMostCorrections};
  journal::Reader(file).newest_first(filter,
                                     [&](const auto& entry) { entries.push_back(json_of(entry)); });
  return entries;
}

std::string column(const journal::ConvergerStatistics& one, std::int64_t journal::Counts::*member) {
  std::vector<std::int64_t> values(one.buckets.size());
  std::transform(one.buckets.begin(), one.buckets.end(), values.begin(),
                 [&](const auto& bucket) { return bucket.*member; });
  return fmt::format("[{}]", fmt::join(values, ","));
}

/// The stretches begin at round times, so that a chart moves on by whole bars.
std::vector<std::string> read_history(const std::filesystem::path& file) {
  const auto last_us = (wall_time_us() / kBucketUs + 1) * kBucketUs;
  const auto first_us = last_us - kBuckets * kBucketUs;
  const auto statistics = journal::Reader(file).statistics(
      {.first_us = first_us, .last_us = last_us, .most_buckets = kBuckets, .whole = true});
  std::string convergers;
  for (const auto& one : statistics.convergers) {
    JsonObject object;
    object.add("name", one.converger)
        .add_raw("corrections", column(one, &journal::Counts::inconsistencies))
        .add_raw("failures", column(one, &journal::Counts::failures));
    convergers += (convergers.empty() ? "" : ",") + object.text();
  }
  return {JsonObject()
              .add("since", format_utc(first_us))
              .add("bucket_seconds", kBucketUs / 1'000'000)
              .add("buckets", kBuckets)
              .add_raw("convergers", "[" + convergers + "]")
              .line()};
}

}  // namespace

std::vector<std::string> Cached::get() {
  const std::unique_lock making(making_, std::try_to_lock);
  {
    const std::lock_guard lock(mutex_);
    if (is_made_ && (!making || Clock::now() < next_)) return made_;
  }
  if (!making) throw Error(ErrorKind::transient, "the journal is being read");
  const auto started = Clock::now();
  auto made = make_();
  const auto ended = Clock::now();
  const std::lock_guard lock(mutex_);
  made_ = std::move(made);
  is_made_ = true;
  next_ = ended + std::max<Clock::duration>(std::chrono::seconds(2), 20 * (ended - started));
  return made_;
}

JournalView::JournalView(std::filesystem::path journal)
    : file_(std::move(journal)),
      corrections_([this] { return read_corrections(file_); }),
      history_([this] { return read_history(file_); }) {}

std::string JournalView::corrections(std::size_t count) {
  auto entries = corrections_.get();
  entries.resize(std::min(entries.size(), count));
  return JsonObject().add_raw("corrections", fmt::format("[{}]", fmt::join(entries, ","))).line();
}

std::string JournalView::history() { return history_.get().front(); }

}  // namespace converge::daemon
