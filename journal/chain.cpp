#include "journal/chain.h"

#include <algorithm>
#include <cstring>
#include <endian.h>

namespace converge::journal {
namespace {

constexpr char kNull = 0;
constexpr char kInteger = 1;
constexpr char kText = 2;
constexpr char kBlob = 3;

void put_number(std::string& out, char tag, std::uint64_t value) {
  std::array<char, 9> bytes{tag};
  const std::uint64_t big_endian = htobe64(value);
  std::memcpy(bytes.data() + 1, &big_endian, sizeof big_endian);
  out.append(bytes.data(), bytes.size());
}

void put(std::string& out, std::int64_t value) {
  put_number(out, kInteger, static_cast<std::uint64_t>(value));
}

void put(std::string& out, std::string_view bytes, char tag = kText) {
  put_number(out, tag, bytes.size());
  out.append(bytes);
}

template <typename Value>
void put(std::string& out, const std::optional<Value>& value) {
  if (value) {
    put(out, *value);
  } else {
    out.push_back(kNull);
  }
}

void put_blob(std::string& out, const std::optional<std::string_view>& value) {
  if (value) {
    put(out, *value, kBlob);
  } else {
    out.push_back(kNull);
  }
}

void encode(std::string& out, const ChainFields& fields) {
  put(out, fields.seq);
  put(out, fields.time_us);
  put(out, fields.kind);
  put(out, fields.pass);
  put(out, fields.definition);
  put(out, fields.definition_version);
  put(out, fields.actor);
  put(out, fields.build);
  put(out, fields.txn);
  put(out, fields.subject);
  put(out, fields.label);
  put(out, fields.count);
  put(out, fields.outcome);
  put_blob(out, fields.detail_sha);
}

}  // namespace

const Digest& Chain::extend(const ChainFields& fields) {
  buffer_.assign(bytes_of(hash_));
  encode(buffer_, fields);
  hash_ = sha_.update(buffer_).finish();
  return hash_;
}

Digest first_hash(std::string_view journal_id) {
  return sha256("converge-journal-1\n" + std::string(journal_id));
}

std::optional<Digest> digest_of(std::string_view bytes) {
  Digest digest{};
  if (bytes.size() != digest.size()) {
    return std::nullopt;
  }
  std::transform(bytes.begin(), bytes.end(), digest.begin(),
                 [](char byte) { return static_cast<std::uint8_t>(byte); });
  return digest;
}

}  // namespace converge::journal
