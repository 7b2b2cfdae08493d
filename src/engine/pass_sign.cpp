#include "src/engine/pass_sign.h"

namespace converge::engine {

namespace {

/// Of a pass that the next is likely to do better, whatever the build.
bool is_passing(const Error& error) {
  return error.kind() == ErrorKind::transient || error.kind() == ErrorKind::in_doubt ||
         error.sqlstate().starts_with("08") || error.sqlstate().starts_with("57P");
}

}  // namespace

PassSign sign_of(const PassResult& result) {
  switch (result.outcome) {
    case PassOutcome::unchanged:
    case PassOutcome::converged:
    case PassOutcome::held:
      return PassSign::well;
    case PassOutcome::failed:
      if (result.error) return is_passing(*result.error) ? PassSign::neither : PassSign::badly;
      if (result.inconsistencies > 0) return PassSign::well;
      return result.locked > 0 && result.locked == result.failed ? PassSign::neither
                                                                 : PassSign::badly;
    default:
      return PassSign::neither;
  }
}

}  // namespace converge::engine
