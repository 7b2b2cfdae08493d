#pragma once

#include "journal/owed.h"
#include "src/engine/converger.h"
#include "src/engine/owed_row.h"
#include "src/postgres/pool.h"

#include <cstddef>
#include <string>

namespace converge::engine {

/// What a step would send for that row of `subjects`, without secrets, or why it cannot: `{"title",
/// "key","request"}` or a `message`, as the details in the journal have it. An empty key is left
/// out.
std::string planned_json(const Converger& converger, const OutsideStep& step,
                         const Subjects& subjects, std::size_t row, const std::string& key = {});

/// Describes what earlier passes left owing as the next pass would carry it out, before it looks
/// for anything. Nothing is called, and nothing is written.
class OwedPlan {
 public:
  /// Inspects the converger where that is due. Throws `Error`, as do the others.
  OwedPlan(Converger& converger, postgres::Pool& pool);

  /// As the detail of an inconsistency tells what is planned: `{"planned":[{"title","request"}]}`,
  /// with a `message` where there is nothing to be sent, and without secrets.
  std::string detail(const journal::Owed& owed);

 private:
  Subjects whole(const OwedRow& row);

  Converger& converger_;
  postgres::Pool::Lease session_;
};

}  // namespace converge::engine
