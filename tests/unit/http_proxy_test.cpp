#include "src/http/proxy.h"
#include "tests/support/state_machine.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_raw_server.h"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <string>

namespace converge::http {
namespace {

bool listed(const std::string& no_proxy, const std::string& url) {
  return is_listed(no_proxy, parse_http_url(url));
}

/// A variable of the environment, for as long as this lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

BOOST_AUTO_TEST_SUITE(http_proxy)

BOOST_AUTO_TEST_CASE(plain_request_names_the_whole_url_to_the_proxy) {
  std::string request;
  {
    const RawServer proxy([&](RawServer::Client& peer, int) {
      request = peer.receive();
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    const auto place = "http://me:p%40ss@127.0.0.1:" + std::to_string(proxy.port());
    const auto client = direct({.proxy = place});
    BOOST_TEST(client.send(post("http://host.invalid/x?y=1"), kAmple).status == 200);
  }
  BOOST_TEST(request.starts_with("POST http://host.invalid/x?y=1 HTTP/1.1\r\n"));
  BOOST_TEST(request.find("\r\nHost: host.invalid\r\n") != std::string::npos);
  BOOST_TEST(request.find("\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(secure_request_asks_for_a_tunnel_and_sends_nothing_before) {
  std::string request;
  Failure failure;
  {
    const RawServer proxy([&](RawServer::Client& peer, int) {
      request = peer.receive();
      peer.send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    });
    const auto client = direct({.proxy = "127.0.0.1:" + std::to_string(proxy.port())});
    failure = failure_of(client, post("https://host.invalid/secret"));
  }
  BOOST_TEST(request == "CONNECT host.invalid:443 HTTP/1.1\r\nHost: host.invalid:443\r\n\r\n");
  BOOST_TEST(failure.says("it refuses a tunnel: status 407"));
  BOOST_TEST(!failure.hint.empty());
  BOOST_TEST(!failure.in_doubt);
}

BOOST_AUTO_TEST_CASE(environment_names_proxies_in_lower_and_upper_case) {
  tests::StateMachine service;
  for (const char* name : {"http_proxy", "HTTP_PROXY"}) {
    const Variable proxy(name, service.url());
    const HttpClient client;
    BOOST_TEST(client.send(post("http://host.invalid/x", name), kAmple).status == 202);
    const Variable none("no_proxy", "other.example,.invalid");
    BOOST_TEST(failure_of(HttpClient(), post("http://host.invalid/x")).says("name is not found"));
  }
  const Variable proxy("HTTPS_PROXY", service.url());
  service.fault("kind=403");
  BOOST_TEST(failure_of(HttpClient(), post("https://host.invalid/x")).says("refuses a tunnel"));
}

BOOST_AUTO_TEST_CASE(list_of_exceptions_is_read_as_by_others) {
  BOOST_TEST(listed("*", "http://a.example/"));
  BOOST_TEST(listed("a.example", "http://a.example/"));
  BOOST_TEST(listed("A.example", "http://b.a.EXAMPLE/"));
  BOOST_TEST(listed("x, .example", "http://a.example/"));
  BOOST_TEST(listed("*.example", "http://a.example/"));
  BOOST_TEST(!listed("a.example", "http://ba.example/"));
  BOOST_TEST(!listed("", "http://a.example/"));
  BOOST_TEST(listed("a.example:8080", "http://a.example:8080/"));
  BOOST_TEST(!listed("a.example:8080", "http://a.example/"));
  BOOST_TEST(listed("10.0.0.0/8", "http://10.1.2.3/"));
  BOOST_TEST(!listed("10.0.0.0/8", "http://11.1.2.3/"));
  BOOST_TEST(!listed("10.0.0.0/33", "http://10.0.0.0/"));
  BOOST_TEST(listed("192.168.4.0/22", "http://192.168.7.1/"));
  BOOST_TEST(!listed("192.168.4.0/22", "http://192.168.8.1/"));
  BOOST_TEST(listed("::1", "http://[::1]:80/"));
  BOOST_TEST(listed("fd00::/8", "http://[fd12::1]/"));
}

BOOST_AUTO_TEST_CASE(proxy_that_is_none_is_refused_without_its_password) {
  for (const std::string place : {"socks5://me:pass@host", "https://host", "http://me:pass@"}) {
    try {
      const HttpClient client({.proxy = place});
      BOOST_ERROR("accepted " + place);
    } catch (const HttpError& error) {
      BOOST_TEST(std::string(error.what()).find("pass") == std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(variable_that_names_no_proxy_is_told) {
  for (const char* name : {"http_proxy", "HTTPS_PROXY"}) {
    const Variable proxy(name, "http://me:pass@host:port");
    try {
      const HttpClient client;
      BOOST_ERROR("accepted");
    } catch (const HttpError& error) {
      BOOST_TEST((error.kind() == ErrorKind::usage));
      BOOST_TEST(std::string(error.what()) ==
                 std::string(name) +
                     " in the environment: the proxy is not of the form http://HOST:PORT");
    }
  }
}

BOOST_AUTO_TEST_CASE(proxy_is_named_when_it_is_the_one_that_refuses) {
  tests::StateMachine service;
  service.stop();
  const auto client = direct({.proxy = service.url()});
  const auto failure = failure_of(client, post("http://host.invalid/"));
  BOOST_TEST(failure.message ==
             "proxy 127.0.0.1:" + std::to_string(service.port()) + ": connection refused");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::http
