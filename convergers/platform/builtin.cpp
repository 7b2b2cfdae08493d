#include "convergers/builtin.h"

#include "convergers/platform/reconcile_subscription.h"

#include <array>

namespace converge::convergers {

std::span<const Builtin> builtins() {
  static constexpr std::array<Builtin, 1> kBuiltins = {
      &reconcile_subscription,
  };
  return kBuiltins;
}

}  // namespace converge::convergers
