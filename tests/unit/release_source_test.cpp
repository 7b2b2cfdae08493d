#include "updater/release_source.h"

#include "tests/support/certificates.h"
#include "tests/support/nginx.h"
#include "tests/unit/http_raw_server.h"
#include "tests/unit/release_fixture.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

namespace converge::updater {
namespace {

using http::RawServer;
using tests::Certificates;
using tests::Nginx;

const std::string kObject = "{\"seq\": 7}\nuntrusted comment: x\n";

Refusal channel_refusal(ReleaseSource source, std::chrono::milliseconds budget = kAmple) {
  return refusal_of([&] { source.channel("stable", {}, budget); });
}

Refusal url_refusal(const std::string& url) {
  return refusal_of([&] { source_at(url); });
}

std::string answer_with(const std::string& status, const std::string& headers,
                        const std::string& body = "") {
  return "HTTP/1.1 " + status + "\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

BOOST_AUTO_TEST_SUITE(release_source)

BOOST_AUTO_TEST_CASE(channel_is_fetched_and_then_unchanged) {
  const Nginx nginx;
  nginx.serve("channels/stable", kObject);
  auto source = source_at(nginx.url());
  const auto first = source.channel("stable", {}, kAmple);
  BOOST_TEST(!first.unchanged);
  BOOST_TEST(first.object == kObject);
  BOOST_TEST(!first.etag.empty());
  BOOST_TEST(!first.last_modified.empty());
  const auto by_tag = source.channel("stable", {.etag = first.etag}, kAmple);
  BOOST_TEST(by_tag.unchanged);
  BOOST_TEST(by_tag.object.empty());
  BOOST_TEST(by_tag.etag == first.etag);
  const auto by_time = source.channel("stable", {.last_modified = first.last_modified}, kAmple);
  BOOST_TEST(by_time.unchanged);
  BOOST_TEST(by_time.last_modified == first.last_modified);
  nginx.serve("channels/stable", kObject + kObject);
  const auto changed = source.channel("stable", {.etag = first.etag}, kAmple);
  BOOST_TEST(!changed.unchanged);
  BOOST_TEST(changed.object == kObject + kObject);
  BOOST_TEST(changed.etag != first.etag);
  const auto requests = nginx.requests(4);
  BOOST_TEST(requests[0] == "GET /channels/stable 200 \"-\" " + std::to_string(kObject.size()));
  BOOST_TEST(requests[1] == "GET /channels/stable 304 \"-\" 0");
  BOOST_TEST(requests[2] == "GET /channels/stable 304 \"-\" 0");
  BOOST_TEST(requests.size() == 4U);
}

BOOST_AUTO_TEST_CASE(base_url_may_have_a_path_and_a_slash_at_its_end) {
  const Nginx nginx;
  nginx.serve("tools/converge/channels/stable", kObject);
  for (const auto* const path : {"/tools/converge", "/tools/converge/", "/tools/converge//"}) {
    BOOST_TEST(source_at(nginx.url(path)).channel("stable", {}, kAmple).object == kObject);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_base_url_is_a_usage_error) {
  for (const auto* const url : {"", "ftp://x/", "http://", "/srv/releases", "http://u:p@x/",
                                "http://x/?a=b", "http://x/#a", "http://x/ y"}) {
    BOOST_TEST_CONTEXT(url) {
      const auto refusal = url_refusal(url);
      BOOST_TEST(refusal.says("update server: "));
      BOOST_TEST((refusal.kind == ErrorKind::usage));
    }
  }
}

BOOST_AUTO_TEST_CASE(names_that_lead_elsewhere_are_never_asked_for) {
  RawServer server([](RawServer::Client& client, int) { client.receive(); });
  auto source = source_at(server.url());
  for (const auto* const name : {"", "../VERSION", "a/b", "a?b", "Stable", "a%2fb", "a\r\nb"}) {
    BOOST_TEST(refusal_of([&] { source.channel(name, {}, kAmple); }).says("no name of a channel"));
  }
  for (const auto* const path : {"", "/x", "../x", "a/../x", "http://x/", "a?b", "a%41"}) {
    BOOST_TEST(
        refusal_of([&] { source.object_at(path, 10, kAmple); }).says("no path of a release"));
  }
  BOOST_TEST(server.connections() == 0);
}

BOOST_AUTO_TEST_CASE(object_of_64_kib_is_the_largest) {
  const Nginx nginx;
  nginx.serve("channels/stable", std::string(kMostReleaseBytes, 'x'));
  BOOST_TEST(source_at(nginx.url()).channel("stable", {}, kAmple).object.size() ==
             kMostReleaseBytes);
  nginx.serve("channels/stable", std::string(65 * 1024, 'x'));
  const auto refusal = channel_refusal(source_at(nginx.url()));
  BOOST_TEST(refusal.message == nginx.url("/channels/stable") + ": answer larger than 64 KiB");
}

BOOST_AUTO_TEST_CASE(object_without_end_is_cut_short) {
  RawServer server([](RawServer::Client& client, int) {
    client.receive();
    client.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    while (client.send(std::string(16 * 1024, 'x'))) {
    }
  });
  BOOST_TEST(channel_refusal(source_at(server.url())).says("answer larger than 64 KiB"));
}

BOOST_AUTO_TEST_CASE(small_object_has_its_own_bound) {
  const Nginx nginx;
  nginx.serve("builds/123/manifest.stable", kObject);
  auto source = source_at(nginx.url());
  BOOST_TEST(source.object_at("builds/123/manifest.stable", kObject.size(), kAmple) == kObject);
  const auto refusal = refusal_of(
      [&] { source.object_at("builds/123/manifest.stable", kObject.size() - 1, kAmple); });
  BOOST_TEST(refusal.says("answer larger than 31 bytes"));
  const auto missing = refusal_of([&] { source.object_at("builds/9/x", 10, kAmple); });
  BOOST_TEST(missing.message == nginx.url("/builds/9/x") + ": status 404");
  BOOST_TEST((missing.kind == ErrorKind::failure));
}

BOOST_AUTO_TEST_CASE(statuses_are_told_apart) {
  const Nginx nginx({.server = "location /b500/ { return 500; } location /b503/ { return 503; }"
                               "location /b429/ { return 429; } location /b403/ { return 403; }"
                               "location /b204/ { return 204; }"});
  const auto refusal = [&](const std::string& base) {
    return channel_refusal(source_at(nginx.url(base)));
  };
  const auto missing = refusal("");
  BOOST_TEST(missing.message == nginx.url("/channels/stable") + ": status 404");
  BOOST_TEST(!missing.hint.empty());
  BOOST_TEST((missing.kind == ErrorKind::failure));
  BOOST_TEST((refusal("/b403").kind == ErrorKind::failure));
  BOOST_TEST(refusal("/b204").says("status 204"));
  for (const auto* const status : {"500", "503", "429"}) {
    const auto broken = refusal("/b" + std::string(status));
    BOOST_TEST(broken.says("status " + std::string(status)));
    BOOST_TEST((broken.kind == ErrorKind::transient));
  }
}

BOOST_AUTO_TEST_CASE(unchanged_since_nothing_is_no_answer) {
  RawServer server("HTTP/1.1 304 Not Modified\r\n\r\n");
  BOOST_TEST(channel_refusal(source_at(server.url())).says("status 304"));
}

BOOST_AUTO_TEST_CASE(coding_that_nobody_asked_for_is_refused) {
  RawServer server(answer_with("200 OK", "Content-Encoding: gzip\r\n", "x"));
  BOOST_TEST(channel_refusal(source_at(server.url())).says("content coding"));
}

BOOST_AUTO_TEST_CASE(tag_that_cannot_be_sent_back_is_forgotten) {
  for (const auto& tag :
       {std::string(600, 'x'), std::string("\"a\x01\""), std::string("\"\xff\"")}) {
    RawServer server(answer_with("200 OK", "ETag: " + tag + "\r\n", "x"));
    BOOST_TEST(source_at(server.url()).channel("stable", {}, kAmple).etag.empty());
  }
}

BOOST_AUTO_TEST_CASE(authority_that_is_given_is_trusted_and_no_other) {
  Certificates certificates;
  certificates.sign("good", "localhost");
  const Nginx nginx(
      {.certificate = certificates.file("good.pem"), .key = certificates.file("good.key")});
  nginx.serve("channels/stable", kObject);
  SourceOptions options;
  options.http.ca_file = certificates.file("authority.pem");
  BOOST_TEST(source_at(nginx.url(), options).channel("stable", {}, kAmple).object == kObject);
  const Certificates others;
  options.http.ca_file = others.file("authority.pem");
  BOOST_TEST(channel_refusal(source_at(nginx.url(), options)).says("certificate"));
  BOOST_TEST(channel_refusal(source_at(nginx.url())).says("certificate"));
  options.http.ca_file = others.file("nothing.pem");
  BOOST_TEST((channel_refusal(source_at(nginx.url(), options)).kind == ErrorKind::usage));
}

BOOST_AUTO_TEST_CASE(proxy_is_used) {
  std::string request;
  RawServer proxy([&](RawServer::Client& client, int) {
    request = client.receive();
    client.send(answer_with("200 OK", "", kObject));
  });
  SourceOptions options;
  options.http.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  auto source = source_at("http://updates.example/converge", options);
  BOOST_TEST(source.channel("stable", {}, kAmple).object == kObject);
  BOOST_TEST(
      request.starts_with("GET http://updates.example/converge/channels/stable HTTP/1.1\r\n"));
}

BOOST_AUTO_TEST_CASE(nobody_listens_is_transient) {
  Nginx nginx;
  nginx.stop();
  const auto refusal = channel_refusal(source_at(nginx.url()));
  BOOST_TEST(refusal.message == nginx.url("/channels/stable") + ": connection refused");
  BOOST_TEST((refusal.kind == ErrorKind::transient));
}

BOOST_AUTO_TEST_CASE(budget_ends_a_check) {
  RawServer silent([](RawServer::Client& client, int) { client.wait_for_end(); });
  const auto refusal = channel_refusal(source_at(silent.url()), std::chrono::milliseconds(50));
  BOOST_TEST(refusal.says("no whole answer within 50ms"));
  BOOST_TEST((refusal.kind == ErrorKind::transient));
}

BOOST_AUTO_TEST_CASE(answer_cut_off_is_told) {
  RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxyz");
  const auto refusal = channel_refusal(source_at(server.url()));
  BOOST_TEST(refusal.message ==
             server.url("/channels/stable") + ": answer truncated after 3 of 10 bytes");
  BOOST_TEST((refusal.kind == ErrorKind::transient));
}

BOOST_AUTO_TEST_CASE(redirect_on_the_same_host_is_followed) {
  const Nginx nginx(
      {.server = "absolute_redirect off;"
                 "location /old/ { rewrite ^/old/(.*)$ /new/$1 redirect; }"
                 "location /moved/ { return 308 $scheme://$http_host/new/channels/stable; }"
                 "location /near/channels/stable { return 307 ../../new/channels/stable; }"});
  nginx.serve("new/channels/stable", kObject);
  for (const auto* const base : {"/old", "/moved", "/near"}) {
    BOOST_TEST_CONTEXT(base) {
      BOOST_TEST(source_at(nginx.url(base)).channel("stable", {}, kAmple).object == kObject);
    }
  }
}

BOOST_AUTO_TEST_CASE(redirect_to_another_host_is_refused) {
  const Nginx nginx(
      {.server =
           "absolute_redirect off; location /a/ { return 302 http://evil.example$request_uri; }"
           "location /b/ { return 301 https://$http_host$request_uri; }"
           "location /c/ { return 302 http://127.0.0.1:1/; }"
           "location /d/ { return 302 //evil.example/; }"
           "location /e/ { return 302 ftp://127.0.0.1/; }"});
  const auto refusal = [&](const std::string& base) {
    return channel_refusal(source_at(nginx.url(base)));
  };
  BOOST_TEST(refusal("/a").message == nginx.url("/a/channels/stable") +
                                          ": redirected to another host: http://evil.example:80");
  BOOST_TEST(refusal("/b").says("redirected to another host: https://127.0.0.1:"));
  BOOST_TEST(refusal("/c").says("redirected to another host: http://127.0.0.1:1"));
  BOOST_TEST(refusal("/d").says("redirected to another host: http://evil.example:80"));
  BOOST_TEST(refusal("/e").says("redirected to what is no URL"));
  BOOST_TEST((refusal("/e").kind == ErrorKind::failure));
}

BOOST_AUTO_TEST_CASE(redirects_end) {
  const Nginx nginx({.server = "absolute_redirect off; location / { return 302 $request_uri; }"});
  BOOST_TEST(channel_refusal(source_at(nginx.url())).says("more than 5 redirects"));
  BOOST_TEST(nginx.requests(6).size() == 6U);
  RawServer server(answer_with("302 Found", ""));
  BOOST_TEST(channel_refusal(source_at(server.url())).says("status 302"));
}

BOOST_AUTO_TEST_CASE(redirects_are_resolved_as_urls_are) {
  const std::string from = "http://h:8/a/b?c=d";
  BOOST_TEST(redirected(from, "/x") == "http://h:8/x");
  BOOST_TEST(redirected(from, "x") == "http://h:8/a/x");
  BOOST_TEST(redirected(from, "?x") == "http://h:8/a/b?x");
  BOOST_TEST(redirected(from, "//H:8/x") == "http://H:8/x");
  BOOST_TEST(redirected(from, "http://h:8/x") == "http://h:8/x");
  BOOST_TEST(redirected("https://h/a", "https://h:443/x") == "https://h:443/x");
  for (const auto* const to : {"http://h/x", "https://h:8/x", "//h/x", "http://h:8@evil/x", "a:b",
                               "javascript:x", "http://h:8/x y"}) {
    BOOST_TEST_CONTEXT(to) {
      const auto refusal = refusal_of([&] { redirected(from, to); });
      BOOST_TEST(refusal.says("redirected"));
      BOOST_TEST((refusal.kind == ErrorKind::failure));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
