#pragma once

#include "tests/state_machine/faults.h"
#include "tests/state_machine/ledger.h"

#include <Poco/Net/HTTPRequestHandlerFactory.h>

#include <chrono>
#include <functional>

namespace converge::state_machine {

/// What the handlers of all connections share.
struct Service {
  Ledger ledger;
  Faults faults{};
  std::chrono::milliseconds delay{0};  ///< Before each answer.
  std::function<int()> connections{};  ///< How many there have been.
};

/// For a Poco::Net::HTTPServer. The service outlives it.
Poco::Net::HTTPRequestHandlerFactory::Ptr make_handlers(Service& service);

}  // namespace converge::state_machine
