#pragma once

#include "src/cli/command.h"
#include "src/cli/passes.h"
#include "src/cli/progress.h"
#include "src/engine/pass.h"

#include <cstdint>
#include <functional>
#include <string>

namespace converge::cli {

/// Prints one pass while it runs and when it is done.
class PassPrinter {
 public:
  PassPrinter(std::string name, const PassRequest& request, const Common& common)
      : name_(std::move(name)), request_(request), common_(common), progress_(name_) {}

  engine::PassObserver observer() {
    return {.progress = [this](auto done, auto total) { progress_.show(done, total); },
            .failed = [this](const auto& subject, const auto& label,
                             const auto& error) { failed(subject, label, error); },
            .corrected = [this](const auto& record) { corrected(record); }};
  }

  /// For a plan: what the next pass carries out first for a subject, which earlier ones left owing.
  /// `describe` gives the detail of it, and is called for what is shown.
  void owed(const journal::Owed& owed, const std::function<std::string()>& describe);
  /// After the last of them, before the pass.
  void end_of_owed() const;

  void result(const engine::PassResult& result, const engine::PassContext& context);

 private:
  void failed(const std::string& subject, const std::string& label, const Error& error);
  void corrected(const journal::Inconsistency& record);
  std::string sentence(const engine::PassResult& result) const;
  static std::string held_text(const journal::Hold& hold);
  void print_hold(const journal::Hold& hold) const;
  void print_pause(const journal::Pause& pause) const;

  std::string name_;
  const PassRequest& request_;
  const Common& common_;
  Progress progress_;
  std::int64_t failures_ = 0;
  std::int64_t corrections_ = 0;
  std::int64_t owed_ = 0;
};

}  // namespace converge::cli
