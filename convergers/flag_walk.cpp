#include "convergers/flag_walk.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

namespace converge::convergers {

namespace {

using Keys = std::vector<const ForeignKey*>;

bool may_be_null(const ForeignKeys& keys, const ForeignKey& key) {
  const Table& table = keys.tables.at(key.from);
  return std::any_of(key.columns.begin(), key.columns.end(),
                     [&](const std::string& name) { return table.find(name)->is_nullable; });
}

/// The shortest way down to each table.
std::map<std::uint32_t, Keys> find_paths(const ForeignKeys& keys) {
  std::map<std::uint32_t, Keys> paths;
  std::vector<std::uint32_t> level = {keys.root};
  while (!level.empty()) {
    Keys edges;
    for (const ForeignKey& key : keys.keys) {
      const bool leads_on = key.from != keys.root && !paths.contains(key.from);
      if (leads_on && std::find(level.begin(), level.end(), key.to) != level.end()) {
        edges.push_back(&key);
      }
    }
    std::stable_partition(edges.begin(), edges.end(),
                          [&](const ForeignKey* key) { return !may_be_null(keys, *key); });
    level.clear();
    for (const ForeignKey* key : edges) {
      if (paths.contains(key->from)) continue;
      Keys path = key->to == keys.root ? Keys{} : paths.at(key->to);
      path.push_back(key);
      paths[key->from] = std::move(path);
      level.push_back(key->from);
    }
  }
  const auto own = std::find_if(keys.keys.begin(), keys.keys.end(), [&](const ForeignKey& key) {
    return key.from == keys.root && key.to == keys.root;
  });
  if (own != keys.keys.end()) paths[keys.root] = {&*own};
  return paths;
}

/// Parents first; where a cycle leaves no table without a parent, the one nearest to the root.
std::vector<std::uint32_t> in_order(const ForeignKeys& keys,
                                    const std::map<std::uint32_t, Keys>& paths) {
  std::vector<std::uint32_t> waiting;
  for (const auto& [table, path] : paths) waiting.push_back(table);
  std::sort(waiting.begin(), waiting.end(), [&](std::uint32_t a, std::uint32_t b) {
    if ((a == keys.root) != (b == keys.root)) return a == keys.root;
    if (paths.at(a).size() != paths.at(b).size()) return paths.at(a).size() < paths.at(b).size();
    return keys.tables.at(a).text < keys.tables.at(b).text;
  });
  std::vector<std::uint32_t> order;
  while (!waiting.empty()) {
    const auto is_free = [&](std::uint32_t table) {
      return table == keys.root ||
             std::none_of(keys.keys.begin(), keys.keys.end(), [&](const ForeignKey& key) {
               return key.from == table && key.to != table &&
                      std::find(waiting.begin(), waiting.end(), key.to) != waiting.end();
             });
    };
    auto next = std::find_if(waiting.begin(), waiting.end(), is_free);
    if (next == waiting.end()) next = waiting.begin();
    order.push_back(*next);
    waiting.erase(next);
  }
  return order;
}

/// Empty when the table bears the flag.
std::string why_not(const Table& table, const Column& flag) {
  const Column* own = table.find(flag.name);
  if (own == nullptr) return fmt::format("has no {}", flag.text);
  const bool is_alike = flag.is_time() ? own->is_time() : own->base_type == flag.base_type;
  if (!is_alike) return fmt::format("has a {} of another type, {}", flag.text, own->type);
  if (own->is_computed) return fmt::format("computes its {}", flag.text);
  if (!own->is_nullable && !own->is_boolean()) {
    return fmt::format("has a {} that is never null", flag.text);
  }
  return {};
}

}  // namespace

std::vector<Branch> walk(const ForeignKeys& keys, const Column& flag) {
  const auto paths = find_paths(keys);
  std::vector<Branch> branches;
  for (const std::uint32_t oid : in_order(keys, paths)) {
    const Table& table = keys.tables.at(oid);
    Branch branch{.table = &table,
                  .path = paths.at(oid),
                  .not_followed = {},
                  .bears_flag = false,
                  .why_not = why_not(table, flag)};
    branch.bears_flag = branch.why_not.empty();
    for (const ForeignKey& key : keys.keys) {
      const bool is_inside = key.to == keys.root || paths.contains(key.to);
      if (key.from == oid && is_inside && &key != branch.path.back()) {
        branch.not_followed.push_back(&key);
      }
    }
    branches.push_back(std::move(branch));
  }
  return branches;
}

std::string is_set(const Column& flag, std::string_view text) {
  return flag.is_boolean() ? std::string(text) : fmt::format("{} is not null", text);
}

std::string is_unset(const Column& flag, std::string_view text) {
  if (!flag.is_boolean()) return fmt::format("{} is null", text);
  return flag.is_nullable ? fmt::format("{} is not true", text) : fmt::format("not {}", text);
}

std::string column_list(const Table& table, const std::vector<std::string>& columns,
                        std::string_view separator) {
  std::string list;
  for (const std::string& name : columns) {
    if (!list.empty()) list += separator;
    list += table.find(name)->text;
  }
  return list;
}

}  // namespace converge::convergers
