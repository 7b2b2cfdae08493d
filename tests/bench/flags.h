#pragma once

#include "tests/bench/session.h"
#include "tests/bench/world.h"

#include <filesystem>
#include <memory>
#include <string>

namespace converge::bench {

/// A database of accounts with a cluster each, where an operator archives one after the other.
///
/// A trigger on the flag notifies `account_archived`, another on the correction, the archiving of
/// the cluster, notifies `corrected`; each with the account's key.
class Flags {
 public:
  /// The first `archived` accounts are archived, and right, from the beginning.
  explicit Flags(World& world, int archived = 0);

  /// Writes a configuration with so many convergers that archive the clusters of archived accounts,
  /// on a journal of its own; the settings are directives.
  std::filesystem::path configure(int convergers, const std::string& settings);

  /// Archives the next account, and returns its key.
  std::string archive_next();
  /// Returns once the correction of an account is visible in another session; throws when it takes
  /// half a minute.
  void await_correction(const std::string& account);
  /// Seconds from the return of the flag's COMMIT to the correction being visible.
  double correct_next();

  /// Forgets connections that a restart of the server has broken.
  void reconnect();

  Session& operator_session() { return *operator_; }
  const std::string& url() const { return url_; }

 private:
  World& world_;
  std::string url_;
  std::unique_ptr<Session> operator_;
  std::unique_ptr<Session> witness_;
  int next_;
};

}  // namespace converge::bench
