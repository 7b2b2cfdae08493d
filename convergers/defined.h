#pragma once

#include "convergers/outside_section.h"
#include "convergers/parameter.h"
#include "src/engine/converger.h"
#include "src/postgres/session.h"

#include <memory>
#include <string>
#include <vector>

namespace converge::convergers {

/// A converger of the registry: what commands ask of one beside what a pass does with it.
class Defined : public engine::Converger {
 public:
  /// Another of the same definition, not inspected yet: each shard of a converger has one of its
  /// own.
  virtual std::unique_ptr<Defined> another() const = 0;

  /// What the configuration may set beside the settings, with the values in force.
  virtual const std::vector<Parameter>& parameters() const;

  /// The steps outside the database as they are written.
  virtual const std::vector<OutsideSection>& outside_sections() const;

  /// SQL for the user's own migration that makes commits wake the converger; empty for one that
  /// does not listen.
  virtual std::string trigger_to_wake() const = 0;

  /// Warnings about statements that would scan a large table on every pass, from the server's own
  /// plans. After `prepare`; executes nothing.
  virtual std::vector<std::string> plan_warnings(postgres::Session& session) const = 0;
};

}  // namespace converge::convergers
