#include "tests/support/certificates.h"
#include "tests/support/command.h"
#include "tests/support/state_machine.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_raw_server.h"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <string>

namespace converge::http {
namespace {

using tests::Certificates;
using tests::StateMachine;

struct TlsWorld {
  /// A service with that certificate, and what a call by the name `localhost` says of it.
  Failure failure_with(const std::string& name, bool trusting = true) const {
    const StateMachine service(
        {"--cert", certificates.file(name + ".pem"), "--key", certificates.file(name + ".key")});
    HttpOptions options;
    if (trusting) options.ca_file = certificates.file("authority.pem");
    const auto failure = failure_of(
        direct(options), post("https://localhost:" + std::to_string(service.port()) + "/x"));
    BOOST_TEST(!failure.in_doubt);
    BOOST_TEST(service.log().size() == (failure.says("succeeded") ? 1U : 0U));
    return failure;
  }

  Certificates certificates;
};

BOOST_FIXTURE_TEST_SUITE(http_tls, TlsWorld)

BOOST_AUTO_TEST_CASE(good_certificate_is_accepted_and_its_connection_kept) {
  certificates.sign("good", "localhost");
  const StateMachine service(
      {"--cert", certificates.file("good.pem"), "--key", certificates.file("good.key")});
  const auto client = direct({.ca_file = certificates.file("authority.pem")});
  const auto url = "https://localhost:" + std::to_string(service.port()) + "/x";
  for (int call = 0; call < 10; ++call) {
    BOOST_TEST(client.send(post(url, std::to_string(call)), kAmple).status == 202);
  }
  BOOST_TEST(service.counts().connections == 2);
}

BOOST_AUTO_TEST_CASE(certificate_for_another_name_is_refused) {
  certificates.sign("other", "other.example");
  const auto failure = failure_with("other");
  BOOST_TEST(failure.message ==
             "the server's certificate is for other.example, not for the host of the URL");
  BOOST_TEST(!failure.hint.empty());
}

BOOST_AUTO_TEST_CASE(certificate_for_a_name_is_none_for_an_address) {
  certificates.sign("good", "localhost");
  const StateMachine service(
      {"--cert", certificates.file("good.pem"), "--key", certificates.file("good.key")});
  const auto client = direct({.ca_file = certificates.file("authority.pem")});
  const auto failure = failure_of(client, post(service.url("/x")));
  BOOST_TEST(failure.says("is for localhost, not for the host of the URL"));
}

BOOST_AUTO_TEST_CASE(expired_certificate_is_refused) {
  certificates.sign("expired", "localhost", "2020-01-01");
  const auto failure = failure_with("expired");
  BOOST_TEST(failure.says("the server's certificate has expired on 2020-01-03"));
  BOOST_TEST(!failure.hint.empty());
}

BOOST_AUTO_TEST_CASE(self_signed_certificate_is_refused) {
  certificates.make("alone", {"-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"});
  const auto failure = failure_with("alone");
  BOOST_TEST(failure.message == "the server's certificate is self-signed");
  BOOST_TEST(failure.hint ==
             "If it is the right one, name its file as `ca_file` under [http] in the "
             "configuration.");
}

BOOST_AUTO_TEST_CASE(unknown_authority_is_refused) {
  certificates.sign("good", "localhost");
  const auto failure = failure_with("good", false);
  BOOST_TEST(failure.message ==
             "the server's certificate is signed by Test Authority, which is not trusted here");
}

// What OpenSSL takes for the system's is this file while the variable names it.
BOOST_AUTO_TEST_CASE(authority_of_the_system_is_trusted) {
  certificates.sign("good", "localhost");
  ::setenv("SSL_CERT_FILE", certificates.file("authority.pem").c_str(), 1);
  const auto failure = failure_with("good", false);
  ::unsetenv("SSL_CERT_FILE");
  BOOST_TEST(failure.message == "succeeded");
}

BOOST_AUTO_TEST_CASE(server_without_tls_is_told) {
  const RawServer server([](RawServer::Client& peer, int) {
    peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    peer.wait_for_end();
  });
  const auto failure =
      failure_of(direct(), post("https://127.0.0.1:" + std::to_string(server.port()) + "/x"));
  BOOST_TEST(failure.message == "TLS handshake: wrong version number");
  BOOST_TEST(failure.hint == "See whether the server speaks TLS 1.2 or newer on this port.");
  BOOST_TEST(!failure.in_doubt);
}

BOOST_AUTO_TEST_CASE(handshake_that_stalls_ends_at_the_connect_timeout) {
  const RawServer server([](RawServer::Client& peer, int) { peer.wait_for_end(); });
  const auto client = direct({.connect_timeout = std::chrono::milliseconds{90}});
  const auto failure =
      failure_of(client, post("https://127.0.0.1:" + std::to_string(server.port()) + "/x"));
  BOOST_TEST(failure.message == "connecting with the TLS handshake took longer than 90ms");
  BOOST_TEST(failure.hint == "See whether the port speaks TLS.");
  BOOST_TEST(!failure.in_doubt);
}

BOOST_AUTO_TEST_CASE(old_versions_of_tls_are_not_spoken) {
  certificates.sign("good", "localhost");
  tests::Command server({"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                         certificates.file("good.pem"), "-key", certificates.file("good.key"),
                         "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"});
  BOOST_REQUIRE(server.wait_for_output("ACCEPT 127.0.0.1:"));
  const auto port = std::stoi(server.out().substr(server.out().find("ACCEPT 127.0.0.1:") + 17));
  const auto client = direct({.ca_file = certificates.file("authority.pem")});
  const auto failure = failure_of(client, post("https://localhost:" + std::to_string(port) + "/x"));
  BOOST_TEST(failure.says("TLS handshake"));
}

BOOST_AUTO_TEST_CASE(file_without_certificates_is_refused_before_anything_is_sent) {
  const auto file = certificates.directory().write("empty.pem", "");
  const auto failure = failure_of(direct({.ca_file = file}), post("https://localhost:1/x"));
  BOOST_TEST(failure.says("empty.pem: "));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::http
