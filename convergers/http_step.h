#pragma once

#include "convergers/http_template.h"
#include "convergers/outside_section.h"
#include "convergers/redactor.h"
#include "convergers/rendering.h"
#include "convergers/variables.h"
#include "src/engine/outside.h"
#include "src/http/client.h"

#include <memory>
#include <string>
#include <vector>

namespace converge::convergers {

/// Sends an HTTP request for a subject: that of its definition, with `Idempotency-Key`, and with
/// `User-Agent: converge/BUILD` unless it has one. It has succeeded when the answer has an expected
/// status. What comes back is kept without the values of the variables that the request has.
class HttpStep : public engine::OutsideStep {
 public:
  /// `path` is the definition's, for messages.
  HttpStep(OutsideSection section, std::string path, HttpTemplate request, Variables variables,
           std::shared_ptr<const http::HttpClient> client);

  void require(const std::vector<std::string>& columns) const override;
  std::string describe(const engine::SubjectRow& subject,
                       const std::vector<std::string>& hidden) const override;
  std::string full_text(const engine::SubjectRow& subject) const override;
  engine::Answer attempt(const engine::SubjectRow& subject,
                         const engine::AttemptContext& context) const override;

 private:
  http::HttpRequest request_for(const Rendering& rendering) const;
  void judge(engine::Answer& answer, const http::HttpResponse& response,
             const Redactor& redactor) const;

  OutsideSection section_;
  std::string path_;
  HttpTemplate request_;
  Variables variables_;
  std::shared_ptr<const http::HttpClient> client_;
};

}  // namespace converge::convergers
