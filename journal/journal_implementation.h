#pragma once

#include "journal/attempts.h"
#include "journal/journal.h"
#include "journal/session.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>

namespace converge::journal {

class Journal::Implementation {
 public:
  Implementation(std::filesystem::path file, std::string actor,
                 std::function<void(const std::string&)> notice)
      : file_(std::move(file)),
        actor_(std::move(actor)),
        session_(file_, actor_, std::move(notice)) {}

  std::filesystem::path file_;
  std::string actor_;
  ProcessIdentity process_ = this_process();
  Session session_;
  std::mutex pass_mutex_;  ///< Several threads share a pass; one of them gives it its id.
  Attempts attempts_{session_, pass_mutex_};

  /// As `Journal::append`; `also` is called in the same transaction.
  std::int64_t append(PassId& pass, Entry entry,
                      const std::function<void(SQLite::Database&)>& also = {});
};

}  // namespace converge::journal
