#include "updater/release_signature.h"

#include "src/base/error.h"
#include "tests/support/minisign.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <vector>

namespace converge::updater {
namespace {

using tests::Minisign;

ReleaseManifest manifest() {
  ReleaseManifest manifest;
  manifest.product = "converge";
  manifest.channel = "stable";
  manifest.seq = 7;
  manifest.build = 123;
  manifest.commit = "0123abcd4567";
  manifest.built_us = 1'795'341'600'000'000;
  manifest.issued_us = 1'795'341'900'000'000;
  manifest.expires_us = 1'803'117'900'000'000;
  manifest.rollout.start_us = manifest.issued_us;
  manifest.artifacts.push_back({.platform = "linux-amd64",
                                .path = "builds/123/converge-linux-amd64",
                                .size_bytes = 11'900'000,
                                .sha256 = std::string(64, 'a')});
  return manifest;
}

struct SignedWorld {
  SignedWorld() : keys{PublicKey::parse(signer.public_key())}, text(manifest_text(manifest())) {}

  /// Why an object is refused; `accepted` when it is not.
  std::string refusal(const std::string& object, const std::string& channel = "stable") const {
    try {
      verify_release(object, keys, channel);
      return "accepted";
    } catch (const Error& error) {
      BOOST_TEST((error.kind() == ErrorKind::failure));
      return error.what();
    }
  }

  /// The four lines of a signature, without their ends.
  std::array<std::string, 4> lines() const {
    std::array<std::string, 4> all;
    auto rest = signer.signature_of(text);
    for (auto& line : all) {
      line = rest.substr(0, rest.find('\n'));
      rest.erase(0, line.size() + 1);
    }
    return all;
  }

  std::string joined(const std::array<std::string, 4>& all) const {
    std::string object = text;
    for (const auto& line : all) object.append(line).append("\n");
    return object;
  }

  Minisign signer;
  std::vector<PublicKey> keys;
  std::string text;
};

BOOST_FIXTURE_TEST_SUITE(release_signature, SignedWorld)

BOOST_AUTO_TEST_CASE(what_minisign_signs_is_verified) {
  const auto object = signer.sign(text, {"-t", "build 123 for stable"});
  const auto release = verify_release(object, keys, "stable");
  BOOST_TEST((release.manifest == manifest()));
  BOOST_TEST(release.text == object);
  BOOST_TEST(release.trusted_comment == "build 123 for stable");
  // minisign writes the id into its file of the public key.
  const auto file = tests::read_text(signer.public_key_file());
  BOOST_TEST(file.find(release.key_id) != std::string::npos);
  BOOST_TEST(release.key_id.size() == 16U);
}

BOOST_AUTO_TEST_CASE(key_is_read_in_the_forms_that_people_have) {
  const auto file = tests::read_text(signer.public_key_file());
  const auto line = signer.public_key();
  BOOST_TEST((PublicKey::parse(file) == keys[0]));
  BOOST_TEST((PublicKey::parse(line + "\n") == keys[0]));
  BOOST_TEST(keys[0].text() == line);
}

BOOST_AUTO_TEST_CASE(what_is_no_key_is_refused) {
  const auto line = signer.public_key();
  for (const auto& key :
       {std::string(), std::string("RW"), line.substr(1), line + "A", " " + line, line + "\n\n",
        line.substr(0, 55) + "=", line + line, "Q" + line.substr(1), std::string(56, 'A'),
        std::string(55, 'A') + "!", std::string("untrusted comment: x"),
        "untrusted comment: x\r\n" + line + "\r\n", line.substr(0, 20) + "\n" + line.substr(20)}) {
    BOOST_TEST_CONTEXT(key) {
      BOOST_CHECK_EXCEPTION(PublicKey::parse(key), Error, [](const Error& error) {
        return error.kind() == ErrorKind::usage && !error.hint().empty();
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(without_a_key_nothing_is_verified) {
  BOOST_CHECK_EXCEPTION(verify_release(signer.sign(text), {}, "stable"), Error,
                        [](const Error& error) { return error.kind() == ErrorKind::usage; });
}

BOOST_AUTO_TEST_CASE(one_of_several_keys_is_enough) {
  const Minisign other;
  keys.insert(keys.begin(), PublicKey::parse(other.public_key()));
  BOOST_TEST(refusal(signer.sign(text)) == "accepted");
  BOOST_TEST(refusal(other.sign(text)) == "accepted");
  BOOST_TEST(verify_release(other.sign(text), keys, "stable").key_id == keys[0].id());
}

BOOST_AUTO_TEST_CASE(key_that_is_not_trusted_is_named) {
  const Minisign other;
  const auto id = PublicKey::parse(other.public_key()).id();
  BOOST_TEST(refusal(other.sign(text)) == "signature: by key " + id + ", which is not trusted");
}

BOOST_AUTO_TEST_CASE(another_key_under_the_id_of_a_trusted_one_is_refused) {
  // The key of the one with the id of the other.
  const Minisign other;
  auto line = PublicKey::parse(other.public_key()).text();
  auto mixed = signer.public_key();
  mixed.replace(16, std::string::npos, line.substr(16));  // 12 bytes: id and 2 of the key.
  keys = {PublicKey::parse(mixed)};
  BOOST_TEST(refusal(signer.sign(text)).find("was changed after key") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(unsigned_manifest_is_refused) {
  BOOST_TEST(refusal(text) != "accepted");
  BOOST_TEST(refusal("") != "accepted");
  BOOST_TEST(refusal("\n\n\n\n") != "accepted");
  BOOST_TEST(refusal(signer.signature_of(text)) != "accepted");
}

BOOST_AUTO_TEST_CASE(manifest_edited_at_any_byte_is_refused) {
  const auto object = signer.sign(text);
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto edited = object;
    edited[at] = static_cast<char>(edited[at] ^ 1);
    BOOST_TEST(refusal(edited).starts_with("signature: "));
  }
}

BOOST_AUTO_TEST_CASE(object_cut_at_any_byte_is_refused) {
  const auto object = signer.sign(text);
  for (std::size_t size = 0; size < object.size(); ++size) {
    BOOST_TEST(refusal(object.substr(0, size)) != "accepted");
    if (size + 1 < object.size()) BOOST_TEST(refusal(object.substr(0, size) + "\n") != "accepted");
    if (size > 0) BOOST_TEST(refusal(object.substr(size)) != "accepted");
  }
}

BOOST_AUTO_TEST_CASE(object_appended_to_is_refused) {
  const auto object = signer.sign(text);
  for (const auto& more :
       {std::string("\n"), std::string(" "), std::string("x"), std::string("x\n"),
        std::string("\0", 1), text, object, signer.signature_of(text)}) {
    BOOST_TEST(refusal(object + more) != "accepted");
    BOOST_TEST(refusal(more + object) != "accepted");
    BOOST_TEST(refusal(text + more + signer.signature_of(text)) != "accepted");
  }
}

BOOST_AUTO_TEST_CASE(crlf_is_refused) {
  std::string object;
  for (const char c : signer.sign(text)) object.append(c == '\n' ? "\r\n" : std::string(1, c));
  BOOST_TEST(refusal(object) != "accepted");
  std::string windows;
  for (const char c : text) windows.append(c == '\n' ? "\r\n" : std::string(1, c));
  BOOST_TEST(refusal(signer.sign(windows)) == "manifest: byte 0x0d in line 1");
  for (std::size_t line = 0; line < 4; ++line) {
    auto edited = lines();
    edited.at(line) += '\r';
    BOOST_TEST(refusal(joined(edited)) != "accepted");
  }
}

BOOST_AUTO_TEST_CASE(signature_edited_at_any_byte_is_refused) {
  const auto whole = lines();
  BOOST_TEST(refusal(joined(whole)) == "accepted");
  for (const std::size_t line : {1U, 2U, 3U}) {
    for (std::size_t at = 0; at < whole.at(line).size(); ++at) {
      auto edited = whole;
      auto& byte = edited.at(line)[at];
      byte = byte == 'A' ? 'B' : 'A';
      BOOST_TEST_CONTEXT(line << ":" << at) { BOOST_TEST(refusal(joined(edited)) != "accepted"); }
    }
  }
}

BOOST_AUTO_TEST_CASE(trusted_comment_edited_is_told) {
  auto edited = lines();
  edited[2] += " and more";
  BOOST_TEST(refusal(joined(edited)).find("trusted comment was changed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(signature_of_another_text_is_refused) {
  auto other = manifest();
  other.build = 124;
  const auto signature = signer.signature_of(manifest_text(other));
  BOOST_TEST(refusal(text + signature).find("the manifest was changed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(global_signature_of_another_signature_is_refused) {
  auto other = manifest();
  other.build = 124;
  auto mixed = lines();
  auto rest = signer.signature_of(manifest_text(other));
  mixed[3] = rest.substr(rest.rfind('\n', rest.size() - 2) + 1);
  mixed[3].pop_back();
  BOOST_TEST(refusal(joined(mixed)).find("trusted comment") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(base64_has_one_form_only) {
  const auto whole = lines();
  const auto refuses = [&](std::size_t line, const std::string& changed) {
    auto edited = whole;
    edited.at(line) = changed;
    BOOST_TEST_CONTEXT(changed) { BOOST_TEST(refusal(joined(edited)) != "accepted"); }
  };
  for (const std::size_t line : {1U, 3U}) {
    const auto& base64 = whole.at(line);
    refuses(line, base64 + " ");
    refuses(line, " " + base64);
    refuses(line, "\t" + base64);
    refuses(line, base64 + "=");
    refuses(line, base64 + "====");
    refuses(line, base64.substr(0, base64.find('=')));
    refuses(line, "");
    refuses(line, base64.substr(0, 10) + " " + base64.substr(10));
    // The bits that the last digit has and the last byte has not.
    const auto last = base64.find('=') - 1;
    const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    auto loose = base64;
    loose[last] = digits[digits.find(loose[last]) | 1U];
    BOOST_TEST(loose != base64);
    refuses(line, loose);
  }
}

BOOST_AUTO_TEST_CASE(legacy_signature_is_refused_with_a_hint) {
  try {
    verify_release(signer.sign(text, {"-l"}), keys, "stable");
    BOOST_ERROR("accepted");
  } catch (const Error& error) {
    BOOST_TEST(error.what() == std::string("signature: of minisign's legacy kind"));
    BOOST_TEST(error.hint().find("minisign -S -H") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(comments_keep_their_places) {
  const auto whole = lines();
  auto edited = whole;
  edited[0] = "comment: x";
  BOOST_TEST(refusal(joined(edited)) != "accepted");
  edited = whole;
  edited[0] = "untrusted comment: \x1b[2J";
  BOOST_TEST(refusal(joined(edited)) != "accepted");
  edited[0] = "untrusted comment: " + std::string(1025, 'x');
  BOOST_TEST(refusal(joined(edited)) != "accepted");
  edited = whole;
  std::swap(edited[0], edited[2]);
  BOOST_TEST(refusal(joined(edited)) != "accepted");
  // Nobody signs it, and so it says nothing.
  edited = whole;
  edited[0] = "untrusted comment: another";
  BOOST_TEST(refusal(joined(edited)) == "accepted");
}

BOOST_AUTO_TEST_CASE(another_channel_is_refused_with_both_names) {
  BOOST_TEST(refusal(signer.sign(text), "canary") ==
             "the release is for channel stable, not for canary");
}

BOOST_AUTO_TEST_CASE(another_product_is_refused_with_both_names) {
  auto other = manifest();
  other.product = "diverge";
  BOOST_TEST(refusal(signer.sign(manifest_text(other))) ==
             "manifest: product is \"diverge\", not converge");
}

BOOST_AUTO_TEST_CASE(signed_nonsense_is_refused) {
  BOOST_TEST(refusal(signer.sign("{}\n")) == "manifest: product is missing");
  BOOST_TEST(refusal(signer.sign("")) != "accepted");
}

BOOST_AUTO_TEST_CASE(object_beyond_64_kib_is_refused_whoever_signed_it) {
  const std::string blanks(kMostReleaseBytes, ' ');
  BOOST_TEST(refusal(signer.sign("{" + blanks + text.substr(1))).find("more than 65536") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
