// SHA-256 by libcrypto. Its plain functions and not EVP: they are a few objects of libcrypto.a, while EVP is nearly all
// of it, with the providers that it loads at run time. OpenSSL 3 calls them deprecated, and ships them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "src/transfer_hash.hpp"

#include <openssl/sha.h>

#include <new>
#include <type_traits>

namespace cast::detail {
namespace {

static_assert(std::is_trivially_copyable_v<SHA256_CTX>);

SHA256_CTX* context(std::array<unsigned char, 128>& state) {
    static_assert(sizeof(SHA256_CTX) <= sizeof state && alignof(SHA256_CTX) <= 8);
    return std::launder(reinterpret_cast<SHA256_CTX*>(state.data()));
}

}  // namespace

Sha256::Sha256() : state_{} { SHA256_Init(::new (state_.data()) SHA256_CTX); }

void Sha256::add(std::string_view bytes) { SHA256_Update(context(state_), bytes.data(), bytes.size()); }

std::string Sha256::hex() const {
    auto copy = state_;
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256_Final(digest.data(), context(copy));
    std::string out;
    out.reserve(2 * digest.size());
    for (const unsigned char byte : digest) {
        out += "0123456789abcdef"[byte >> 4];
        out += "0123456789abcdef"[byte & 15];
    }
    return out;
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 hash;
    hash.add(bytes);
    return hash.hex();
}

}  // namespace cast::detail
