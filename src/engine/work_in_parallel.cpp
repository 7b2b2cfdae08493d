#include "src/engine/work_in_parallel.h"

#include "src/engine/chunk_worker.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace converge::engine {

void work_in_parallel(PassState& state, Listing& listing, bool commits) {
  const Settings& settings = state.converger().profile().settings;
  std::mutex mutex;  // Of the listing and the error.
  std::exception_ptr error;
  const auto work = [&] {
    ChunkWorker worker(state, commits);
    while (true) {
      Subjects chunk;
      try {
        {
          const std::lock_guard lock(mutex);
          if (error) return;
          chunk = listing.next();
        }
        if (chunk.empty()) return;
        worker.work(chunk);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        return;
      }
    }
  };
  const std::int64_t chunks = (listing.size() + settings.chunk - 1) / settings.chunk;
  const int parallel = settings.parallel;
  const auto workers = std::min<std::int64_t>(parallel + std::min(parallel, 2), chunks);
  {
    std::vector<std::jthread> threads;
    for (std::int64_t worker = 1; worker < workers; ++worker) threads.emplace_back(work);
    work();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace converge::engine
