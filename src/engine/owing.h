#pragma once

#include "journal/reader.h"
#include "src/base/json_object.h"
#include "src/engine/settings.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace converge::engine {

/// Something that a person is told beside the state of a converger: `WHY. HOW: RESOLVE.`
struct Matter {
  std::string why;           ///< Without a full stop.
  std::string how;           ///< What to do, without a full stop.
  std::string resolve = {};  ///< The command that does it; empty: no command does.
};

/// The steps outside the database that a converger owes, and what of them a person has to know.
struct Owing {
  std::int64_t subjects = 0;  ///< To which a step is owed, be a pass at it or not.
  std::int64_t since_us = 0;  ///< Since when the first is; 0: none is, or nobody knows.
  std::int64_t unknown = 0;   ///< Subjects, beside those, for whom a transaction is to be settled.
  std::vector<Matter> matters = {};
  bool needs_person = false;  ///< Some of it waits for a person who may not know of it yet.
};

/// For how long steps may be owed before anybody is told. They are carried out after the commit
/// that made them due, or else by the next pass: one that is due every `every`, and where that is
/// never, a minute is enough for a pass that is at it. Never less than what a call may take.
std::chrono::microseconds owed_patience(const Settings& settings);

/// What the converger `name` owes at the time `now_us`. Steps that are owed are told of once they
/// are late: for longer than `owed_patience`, while no pass is `running` and none has begun
/// anything within that time. Subjects in quarantine are told of as such.
Owing owing_of(const Settings& settings, const std::string& name, const journal::State& state,
               std::int64_t now_us, bool running);

/// The same of one that no pass can be run of, so that nothing will carry it out: its file is
/// `broken`, or it has no definition any more.
Owing owing_without_definition(const std::string& name, const journal::State& state, bool broken);

/// Its members, those that apply: `owed`, `owed_since`, `owed_unknown` and `also`, the matters as
/// objects of `why`, `how` and `resolve`.
void add_members(JsonObject& object, const Owing& owing);

}  // namespace converge::engine
