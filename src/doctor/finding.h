#pragma once

#include <string>
#include <vector>

namespace converge::doctor {

/// What a check came to.
enum class Verdict {
  ok,
  warning,  ///< It works, and a person should look at it.
  bad,      ///< Something does not work, or will not.
};

/// What one check has to say.
struct Finding {
  std::string check;  ///< Its name, one word.
  Verdict verdict = Verdict::ok;
  std::string message;         ///< Lower case, without a full stop; never a secret.
  std::string remedy = {};     ///< A sentence that says what to do; empty when all is well.
  std::string converger = {};  ///< Whom it concerns, when it concerns one alone.
};

using Findings = std::vector<Finding>;

}  // namespace converge::doctor
