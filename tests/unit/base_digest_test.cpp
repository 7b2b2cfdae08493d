#include "src/base/digest.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace converge {
namespace {

// FIPS 180-4 examples, as NIST publishes them.
constexpr std::string_view kOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kOfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kOfMillionA =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

BOOST_AUTO_TEST_SUITE(base_digest)

BOOST_AUTO_TEST_CASE(known_digests_are_reproduced) {
  BOOST_TEST(hex(sha256("")) == kOfNothing);
  BOOST_TEST(hex(sha256("abc")) == kOfAbc);
  BOOST_TEST(hex(sha256(std::string(1'000'000, 'a'))) == kOfMillionA);
}

BOOST_AUTO_TEST_CASE(one_context_computes_many_digests) {
  Sha256 digest;
  BOOST_TEST(hex(digest.update("a").update("").update("bc").finish()) == kOfAbc);
  BOOST_TEST(hex(digest.finish()) == kOfNothing);
  BOOST_TEST(hex(digest.update("abc").finish()) == kOfAbc);
}

// RFC 4231, test cases 1, 2 and 6.
BOOST_AUTO_TEST_CASE(known_authentication_codes_are_reproduced) {
  BOOST_TEST(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")) ==
             "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  BOOST_TEST(hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  BOOST_TEST(hex(hmac_sha256(std::string(131, '\xaa'),
                             "Test Using Larger Than Block-Size Key - Hash Key First")) ==
             "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

BOOST_AUTO_TEST_CASE(empty_key_is_a_key) {
  hmac_sha256("another key", "");
  BOOST_TEST(hex(hmac_sha256("", "")) ==
             "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

BOOST_AUTO_TEST_CASE(random_bytes_differ) {
  BOOST_TEST(random_bytes(32).size() == 32u);
  BOOST_TEST(random_bytes(32) != random_bytes(32));
  BOOST_TEST(random_bytes(0).empty());
}

BOOST_AUTO_TEST_CASE(hexadecimal_is_lower_case_and_whole) {
  BOOST_TEST(hex(std::string_view("\x00\x0f\xa5\xff", 4)) == "000fa5ff");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
