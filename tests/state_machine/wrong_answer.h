#pragma once

#include "tests/state_machine/faults.h"

#include <Poco/Net/StreamSocket.h>

namespace converge::state_machine {

/// Whether the order is carried out before this fault strikes.
bool strikes_after_the_effect(const Fault& fault);

/// Whether the fault is in the bytes of the answer, or in that there is none.
bool is_of_the_wire(const Fault& fault);

/// Does to a connection, which it owns, what a fault of the wire does, and ends it.
void answer_wrongly(const Fault& fault, Poco::Net::StreamSocket connection);

}  // namespace converge::state_machine
