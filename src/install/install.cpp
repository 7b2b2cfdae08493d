#include "src/install/install.h"

#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/install/files.h"
#include "updater/durable.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace converge::install {

namespace {

using Did = Deed::Did;

/// What is to be done about one item.
struct Plan {
  const Item* item;
  Deed deed;
  std::filesystem::path target{};  ///< Where its content goes; empty: nowhere.
  std::string digest{};            ///< Of its content.
};

std::filesystem::path beside(const std::filesystem::path& path) { return path.native() + ".new"; }

class Planner {
 public:
  Planner(const InstallRequest& request, const std::optional<Record>& record)
      : request_(request), record_(record) {}

  Plan plan(const Item& item) const {
    Plan plan{.item = &item, .deed = {.path = item.path}, .digest = hex(sha256(item.content))};
    const auto seen = look_at(request_.places.on_disk(item.path));
    if (seen.what == Seen::What::nothing) {
      if (item.kind == Kind::configuration && is_recorded(item)) {
        plan.deed = {Did::kept, item.path, "it was removed since it was installed"};
      } else {
        put(plan, Did::installed);
      }
    } else if (seen.what == Seen::What::file && seen.digest == plan.digest) {
      plan.deed.did = Did::unchanged;
    } else if (may_replace(item, seen)) {
      put(plan, Did::updated);
    } else {
      keep(plan, seen);
    }
    return plan;
  }

 private:
  bool is_recorded(const Item& item) const {
    return record_ && record_->files.contains(item.path.native());
  }

  bool may_replace(const Item& item, const Seen& seen) const {
    if (seen.what == Seen::What::other) return false;
    if (seen.what == Seen::What::file && record_ && record_->has(item.path, seen.digest)) {
      return true;
    }
    if (item.kind == Kind::configuration) return false;
    return request_.force || (item.kind == Kind::program && seen.what == Seen::What::file);
  }

  static void put(Plan& plan, Did did) {
    plan.deed.did = did;
    plan.target = plan.item->path;
  }

  void keep(Plan& plan, const Seen& seen) const {
    plan.deed.did = Did::kept;
    if (seen.what != Seen::What::file) {
      plan.deed.why =
          seen.what == Seen::What::link ? "it is a symbolic link" : "it is not a regular file";
      return;
    }
    plan.deed.why = is_recorded(*plan.item) ? "it was edited" : "it was there before";
    const bool is_news = !record_ || !record_->has(plan.item->path, plan.digest);
    if (plan.item->kind == Kind::configuration && !is_news) return;
    const auto path = beside(plan.item->path);
    const auto there = look_at(request_.places.on_disk(path));
    plan.deed.why += fmt::format("; the new one is {}", path.filename().native());
    if (there.what == Seen::What::nothing ||
        (there.what == Seen::What::file && there.digest != plan.digest)) {
      plan.target = path;
    }
  }

  const InstallRequest& request_;
  const std::optional<Record>& record_;
};

std::vector<Plan> plan_all(const InstallRequest& request, const std::optional<Record>& record) {
  const Planner planner(request, record);
  std::vector<Plan> plans;
  for (const Item& item : request.items) {
    if (request.refresh && item.kind != Kind::other) continue;
    plans.push_back(planner.plan(item));
  }
  return plans;
}

/// What the record has and no item is any more. Files under other names of a kept file are its.
std::vector<Deed> obsolete(const InstallRequest& request, const Record& record) {
  std::set<std::string> known;
  for (const Item& item : request.items) {
    known.insert(item.path.native());
    known.insert(beside(item.path).native());
  }
  std::vector<Deed> deeds;
  for (const auto& [path, digests] : record.files) {
    if (known.contains(path)) continue;
    const auto seen = look_at(request.places.on_disk(path));
    if (seen.what == Seen::What::nothing) continue;
    if (seen.what == Seen::What::file && digests.contains(seen.digest)) {
      deeds.push_back({Did::removed, path, "this build has it no more"});
    } else {
      deeds.push_back({Did::kept, path, "it was edited; this build has it no more"});
    }
  }
  return deeds;
}

/// What the record says when all is in place.
Record record_after(const InstallRequest& request, const std::optional<Record>& before,
                    const std::vector<Plan>& plans) {
  Record after{
      .places = request.places, .build = request.build, .commit = request.commit, .files = {}};
  after.places.destdir.clear();
  for (const Plan& plan : plans) {
    // The digest of an edited configuration's sample stays there, to be known as no news.
    after.files[plan.item->path.native()] = {plan.digest};
    const auto copy = beside(plan.item->path);
    if (plan.target == copy || (before && before->files.contains(copy.native()))) {
      after.files[copy.native()] = {plan.digest};
    }
  }
  if (request.refresh && before) {
    for (const Item& item : request.items) {
      const auto found = before->files.find(item.path.native());
      if (item.kind != Kind::other && found != before->files.end()) after.files.insert(*found);
    }
  }
  return after;
}

Record both(Record one, const std::optional<Record>& other) {
  if (!other) return one;
  for (const auto& [path, digests] : other->files) {
    one.files[path].insert(digests.begin(), digests.end());
  }
  return one;
}

/// An update may not write there, and has nothing to put there.
bool lacks_definitions(const InstallRequest& request) {
  std::error_code error;
  return !request.refresh &&
         !std::filesystem::exists(request.places.on_disk(request.places.definitions()), error);
}

void require_closed(const InstallRequest& request, const std::vector<Plan>& plans) {
  if (!request.places.destdir.empty()) return;
  std::set<std::filesystem::path> directories = {request.places.record().parent_path()};
  for (const Plan& plan : plans) directories.insert(plan.item->path.parent_path());
  for (const auto& directory : directories) require_closed_way(directory);
}

void carry_out(const InstallRequest& request, const std::optional<Record>& before,
               const std::vector<Plan>& plans, const std::vector<Deed>& removals) {
  const auto& places = request.places;
  const auto after = record_after(request, before, plans);
  const bool is_idle =
      std::all_of(plans.begin(), plans.end(), [](const Plan& plan) { return plan.target.empty(); });
  const bool makes_definitions = lacks_definitions(request);
  if (is_idle && !makes_definitions && before && before->text() == after.text()) return;
  Staging staging;
  if (makes_definitions) staging.make_directories(places.on_disk(places.definitions()));
  // First, so that it is renamed first.
  staging.stage(places.on_disk(places.record()), both(after, before).text(), 0644);
  for (const Plan& plan : plans) {
    if (plan.target.empty()) continue;
    staging.stage(places.on_disk(plan.target), plan.item->content, plan.item->mode);
  }
  staging.put_in_place();
  std::set<std::filesystem::path> directories;
  for (const Deed& deed : removals) {
    if (deed.did == Did::removed) remove(places.on_disk(deed.path), directories);
  }
  for (const auto& directory : directories) updater::sync_directory(directory);
  updater::replace_file(places.on_disk(places.record()), after.text());
}

}  // namespace

std::string_view name_of(Did did) {
  switch (did) {
    case Did::installed:
      return "installed";
    case Did::updated:
      return "updated";
    case Did::unchanged:
      return "unchanged";
    case Did::kept:
      return "kept";
    default:
      return "removed";
  }
}

std::vector<Deed> install(const InstallRequest& request) {
  const auto record = read_record(request.places);
  const auto plans = plan_all(request, record);
  const auto removals = record ? obsolete(request, *record) : std::vector<Deed>();
  require_closed(request, plans);
  std::vector<Deed> deeds;
  for (const Plan& plan : plans) deeds.push_back(plan.deed);
  if (!request.refresh) {
    deeds.push_back({lacks_definitions(request) ? Did::installed : Did::unchanged,
                     request.places.definitions() / ""});
  }
  if (!request.dry_run) carry_out(request, record, plans, removals);
  deeds.insert(deeds.end(), removals.begin(), removals.end());
  return deeds;
}

}  // namespace converge::install
