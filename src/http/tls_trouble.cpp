#include "src/http/tls_trouble.h"

#include "src/base/text.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <utility>

namespace converge::http {
namespace {

constexpr std::size_t kNamesShown = 3;

std::string date_of(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown date";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

std::string common_name(const X509_NAME* name) {
  std::array<char, 256> text{};
  const int length = X509_NAME_get_text_by_NID(name, NID_commonName, text.data(), text.size());
  return length > 0 ? printable({text.data(), static_cast<std::size_t>(length)}) : "no name";
}

std::string text_of(const ASN1_STRING* text) {
  const auto* const bytes = ASN1_STRING_get0_data(text);
  return printable({reinterpret_cast<const char*>(bytes),  // NOLINT: OpenSSL's bytes are unsigned.
                    static_cast<std::size_t>(ASN1_STRING_length(text))});
}

/// The names that a certificate is for.
std::string names_of(const X509& certificate) {
  auto* const all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string names;
  std::size_t count = 0;
  for (int index = 0; index < sk_GENERAL_NAME_num(all); ++index) {
    const auto* const name = sk_GENERAL_NAME_value(all, index);
    if (name->type != GEN_DNS || ++count > kNamesShown) continue;
    names += (names.empty() ? "" : ", ") + text_of(name->d.dNSName);
  }
  GENERAL_NAMES_free(all);
  if (count > kNamesShown) names += ", ...";
  return names.empty() ? common_name(X509_get_subject_name(&certificate)) : names;
}

HttpError refusal(long result, const X509& certificate) {
  const auto failed = [](const std::string& message, const std::string& hint) {
    return HttpError(ErrorKind::failure, "the server's certificate " + message, hint);
  };
  switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return failed("is for " + names_of(certificate) + ", not for the host of the URL",
                    "Use a name that it is for, or give the server a certificate for this one.");
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return failed("has expired on " + date_of(X509_get0_notAfter(&certificate)),
                    "Renew it on the server. If it is valid, this host's clock is wrong.");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return failed("is not valid before " + date_of(X509_get0_notBefore(&certificate)),
                    "This host's clock may be wrong.");
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return failed(
          "is self-signed",
          "If it is the right one, name its file as `ca_file` under [http] in the configuration.");
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return failed(
          "is signed by " + common_name(X509_get_issuer_name(&certificate)) +
              ", which is not trusted here",
          "If it is your authority, name its file as `ca_file` under [http] in the "
          "configuration; if not, the server may fail to send the certificates in between.");
    default:
      return failed(std::string("is refused: ") + X509_verify_cert_error_string(result), {});
  }
}

}  // namespace

std::string tls_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(error)) return system_reason(static_cast<int>(ERR_GET_REASON(error)));
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "an unknown error";
}

int RefusedCertificate::remember(int good, X509_STORE_CTX* verification) {
  auto* const session = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const self = static_cast<RefusedCertificate*>(SSL_get_ex_data(session, 0));
  X509* const certificate = X509_STORE_CTX_get_current_cert(verification);
  if (good == 0 && self != nullptr && certificate != nullptr && X509_up_ref(certificate) == 1) {
    X509_free(std::exchange(self->certificate_, certificate));
  }
  return good;
}

HttpError handshake_trouble(const SSL& session, const RefusedCertificate& refused) {
  const long result = SSL_get_verify_result(&session);
  if (result != X509_V_OK && refused.get() != nullptr) {
    ERR_clear_error();
    return refusal(result, *refused.get());
  }
  if (ERR_peek_error() == 0) {
    return {ErrorKind::transient, "the server ended the connection during the TLS handshake",
            "It may want plain HTTP there, or another version of TLS than 1.2 and 1.3."};
  }
  return {ErrorKind::failure, "TLS handshake: " + tls_reason(),
          "See whether the server speaks TLS 1.2 or newer on this port."};
}

}  // namespace converge::http
