#include "journal/detail.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <sstream>

namespace converge::journal {
namespace {

Poco::JSON::Object::Ptr parse_object(const std::string& text) {
  return Poco::JSON::Parser().parse(text).extract<Poco::JSON::Object::Ptr>();
}

/// The members that name a process, without braces.
std::string writer_members(const ProcessIdentity& writer) {
  return fmt::format(R"("pid":{},"started":{},"boot_id":{})", writer.pid, writer.started,
                     json_string(writer.boot_id));
}

ProcessIdentity writer_in(const Poco::JSON::Object& object) {
  return {.pid = object.getValue<std::int64_t>("pid"),
          .started = object.getValue<std::int64_t>("started"),
          .boot_id = object.getValue<std::string>("boot_id")};
}

}  // namespace

std::string txn_detail(const Txn& txn, const ProcessIdentity& writer) {
  return fmt::format(R"({{"xid":{},"system_identifier":{},"timeline":{},"incarnation":{},)"
                     R"("database":{},{}}})",
                     json_string(txn.xid), json_string(txn.server.system_identifier),
                     txn.server.timeline, json_string(txn.server.incarnation),
                     json_string(txn.database), writer_members(writer));
}

void read_txn_detail(const std::string& detail, Unsettled& unsettled) {
  Unsettled read = unsettled;
  try {
    const auto object = parse_object(detail);
    read.txn.xid = object->getValue<std::string>("xid");
    read.txn.server.system_identifier = object->getValue<std::string>("system_identifier");
    read.txn.server.timeline = object->getValue<std::int64_t>("timeline");
    read.txn.server.incarnation = object->getValue<std::string>("incarnation");
    read.txn.database = object->getValue<std::string>("database");
    read.writer = writer_in(*object);
  } catch (const Poco::Exception&) {
    return;
  }
  unsettled = std::move(read);
}

std::string attempt_detail(const Attempt& attempt, const ProcessIdentity& writer) {
  const auto request = attempt.request.empty()
                           ? std::string()
                           : fmt::format(R"("request":{},)", json_string(attempt.request));
  return fmt::format(R"({{"title":{},{}"key":{},{}}})", json_string(attempt.title), request,
                     json_string(attempt.key), writer_members(writer));
}

ProcessIdentity read_writer(const std::string& detail) {
  try {
    return writer_in(*parse_object(detail));
  } catch (const Poco::Exception&) {
    return {};
  }
}

std::vector<std::string> planned_keys(const std::string& planned) {
  std::vector<std::string> keys;
  try {
    const auto steps = Poco::JSON::Parser().parse(planned).extract<Poco::JSON::Array::Ptr>();
    for (unsigned i = 0; i < steps->size(); ++i) {
      const auto step = steps->getObject(i);
      if (!step.isNull()) keys.push_back(step->optValue<std::string>("key", ""));
    }
  } catch (const Poco::Exception&) {
    keys.clear();
  }
  return keys;
}

std::string hold_detail(const Hold& hold, const std::string& extra) {
  try {
    auto object = parse_object(extra.empty() ? "{}" : extra);
    object->set("digest", hold.digest);
    object->set("allowed", hold.allowed);
    std::ostringstream text;
    object->stringify(text);
    return text.str();
  } catch (const Poco::Exception& error) {
    throw Error(ErrorKind::failure, fmt::format("the detail of a hold on {} is no JSON object: {}",
                                                hold.converger, error.displayText()));
  }
}

}  // namespace converge::journal
