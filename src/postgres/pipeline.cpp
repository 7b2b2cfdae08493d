#include "src/postgres/pipeline.h"

#include <poll.h>

namespace converge::postgres {

namespace {

bool has_failed(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE ||
         status == PGRES_PIPELINE_ABORTED;
}

}  // namespace

Pipeline::Pipeline(PGconn* connection) : connection_(connection) {
  // Else both sides could wait for each other to read.
  PQsetnonblocking(connection_, 1);
  refused_ = PQenterPipelineMode(connection_) == 0;
}

Pipeline::~Pipeline() {
  PQexitPipelineMode(connection_);
  PQsetnonblocking(connection_, 0);
}

/// What libpq does not accept is a connection that is lost.
void Pipeline::added(int accepted) {
  refused_ = refused_ || accepted == 0;
  ++size_;
}

void Pipeline::add(const std::string& sql) {
  added(PQsendQueryParams(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0));
}

void Pipeline::add_prepared(const std::string& name, const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  added(PQsendQueryPrepared(connection_, name.c_str(), static_cast<int>(values.size()),
                            values.data(), nullptr, nullptr, 0));
}

void Pipeline::add_prepare(const std::string& name, const std::string& sql) {
  added(PQsendPrepare(connection_, name.c_str(), sql.c_str(), 0, nullptr));
}

void Pipeline::add_describe(const std::string& name) {
  added(PQsendDescribePrepared(connection_, name.c_str()));
}

/// Takes in what the server says meanwhile: it may have to say it before it reads on.
void Pipeline::send() {
  refused_ = refused_ || PQpipelineSync(connection_) == 0;
  while (!refused_ && PQflush(connection_) == 1) {
    pollfd socket{.fd = PQsocket(connection_), .events = POLLIN | POLLOUT, .revents = 0};
    poll(&socket, 1, -1);
    if ((socket.revents & ~POLLOUT) != 0) refused_ = PQconsumeInput(connection_) == 0;
  }
}

std::vector<PgResult> Pipeline::finish() {
  std::vector<PgResult> results;
  send();
  if (refused_) return results;
  bool failed = false;
  // A null ends the results of one statement; two in a row, all there is.
  for (int nulls = 0; nulls < 2 && PQstatus(connection_) == CONNECTION_OK;) {
    PgResult result(PQgetResult(connection_));
    nulls = result ? 0 : nulls + 1;
    if (!result) continue;
    if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) break;
    if (failed) continue;
    failed = has_failed(result.get());
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace converge::postgres
