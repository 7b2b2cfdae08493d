#include "updater/release_store.h"

namespace converge::updater {

std::unique_ptr<ReleaseStore> open_release_store(const std::string& place,
                                                 const StoreOptions& options) {
  if (place.starts_with("http://") || place.starts_with("https://")) {
    return open_http_store(place, options);
  }
  return open_directory_store(place);
}

}  // namespace converge::updater
