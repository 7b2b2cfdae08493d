#pragma once

#include "convergers/defined.h"
#include "convergers/find_query.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace converge::convergers {

/// A converger whose subjects are what an SQL query returns, whatever its steps are written in.
class FoundByQuery : public Defined {
 public:
  const std::vector<std::string>& columns() const override { return find_.columns(); }
  const std::vector<std::uint32_t>& column_types() const override { return find_.column_types(); }
  void find(postgres::Transaction& transaction, const engine::Shards& shards) const override {
    find_.find(transaction, shards);
  }
  engine::Subjects next(postgres::Transaction& transaction, std::size_t at_most) const override {
    return FindQuery::next(transaction, at_most);
  }
  std::vector<std::string> in_shards(postgres::Session& session,
                                     const std::vector<std::string>& keys,
                                     const engine::Shards& shards) const override {
    return find_.in_shards(session, keys, shards);
  }
  engine::Subjects find_again(postgres::Transaction& transaction,
                              const engine::Subjects& known) const override {
    return find_.find_again(transaction, known);
  }

 protected:
  FoundByQuery(std::filesystem::path path, Statement find)
      : find_(std::move(path), std::move(find)) {}

  FindQuery find_;
};

}  // namespace converge::convergers
