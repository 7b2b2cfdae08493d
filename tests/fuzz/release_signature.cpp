// An object of a channel is refused, or it is the one manifest for it that the key has signed, byte
// for byte. And a text is refused as a key, or it is one that is written as it was read.

#include "updater/release_signature.h"

#include "src/base/digest.h"
#include "tests/fuzz/target.h"

#include <array>
#include <optional>
#include <string>

namespace converge::fuzz {
namespace {

using namespace updater;

// The secret key was thrown away when the objects of the corpus had been signed.
constexpr const char* kKey = "RWQrKaTPO9kT3YyCiF3iBjJgz0j89SN68oXqxU8v1WdJaAF2sYNPsGAT";
constexpr const char* kSigned = "67a98bfebf573361196709bbb5790a9412a4cefa931f22216cf628100ffac926";
constexpr const char* kComment = "channel stable, seq 7";

void claim_object(std::string_view input) {
  static const std::array<PublicKey, 1> keys = {PublicKey::parse(kKey)};
  SignedRelease release;
  if (const auto error = error_of([&] { release = verify_release(input, keys, "stable"); })) {
    claim(error->kind() == ErrorKind::failure, "refused as another thing", error->what());
    return;
  }
  const auto manifest = input.substr(0, input.find("untrusted comment: "));
  claim(hex(sha256(manifest)) == kSigned, "a manifest that nobody has signed", manifest);
  claim(parse_release_manifest(manifest) == release.manifest, "another manifest is told", manifest);
  claim(release.trusted_comment == kComment, "a comment that nobody has signed",
        release.trusted_comment);
  claim(release.text == input && release.key_id == keys.front().id(), "another object is told");
}

void claim_key(std::string_view input) {
  std::optional<PublicKey> key;
  if (const auto error = error_of([&] { key = PublicKey::parse(input); })) {
    claim(error->kind() == ErrorKind::usage && !error->hint().empty(), "no hint", error->what());
    return;
  }
  claim(input.find(key->text()) != std::string_view::npos, "not as it was read", key->text());
  claim(PublicKey::parse(key->text()) == key, "another key when it is read again", key->text());
  claim(key->id().size() == 16, "an id that is none", key->id());
}

}  // namespace

void release_signature(std::string_view input) {
  claim_object(input);
  claim_key(input);
}

}  // namespace converge::fuzz
