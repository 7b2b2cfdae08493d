#pragma once

#include "convergers/definition.h"
#include "convergers/variables.h"
#include "src/engine/outside.h"

#include <memory>
#include <vector>

namespace converge::http {
class HttpClient;
}

namespace converge::convergers {

/// What steps outside the database share.
struct OutsideEnvironment {
  Variables variables;
  std::shared_ptr<const http::HttpClient> http;  ///< Required by `http` steps.
};

/// The outside steps of a definition, in order. They refer to nothing of it.
std::vector<std::unique_ptr<const engine::OutsideStep>> make_outside_steps(
    const Definition& definition, const OutsideEnvironment& environment);

/// What each step has in common, from its section.
engine::OutsideStep::Settings settings_of(const OutsideSection& section);

}  // namespace converge::convergers
