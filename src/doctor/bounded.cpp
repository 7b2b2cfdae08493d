#include "src/doctor/bounded.h"

#include <future>
#include <memory>
#include <thread>
#include <utility>

namespace converge::doctor {

bool ends_within(std::chrono::milliseconds limit, std::function<void()> work) {
  const auto done = std::make_shared<std::promise<void>>();
  auto end = done->get_future();
  std::thread([done, work = std::move(work)] {
    work();
    done->set_value();
  }).detach();
  return end.wait_for(limit) == std::future_status::ready;
}

}  // namespace converge::doctor
