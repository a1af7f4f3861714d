// SHA-256 by libcrypto. Its plain functions and not EVP: they are a few objects of libcrypto.a, while EVP is nearly all
// of it, with the providers that it loads at run time. OpenSSL 3 calls them deprecated, and ships them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/sha256.hpp"

#include <openssl/sha.h>

#include <new>
#include <type_traits>

#include "base/hex.hpp"

namespace cast::base {
namespace {

static_assert(std::is_trivially_copyable_v<SHA256_CTX>);
static_assert(sizeof(Sha256::Digest) == SHA256_DIGEST_LENGTH);

SHA256_CTX* context(std::array<unsigned char, 128>& state) {
    static_assert(sizeof(SHA256_CTX) <= sizeof state && alignof(SHA256_CTX) <= 8);
    return std::launder(reinterpret_cast<SHA256_CTX*>(state.data()));
}

}  // namespace

Sha256::Sha256() : state_{} { SHA256_Init(::new (state_.data()) SHA256_CTX); }

void Sha256::add(std::string_view bytes) { SHA256_Update(context(state_), bytes.data(), bytes.size()); }

Sha256::Digest Sha256::digest() const {
    auto copy = state_;
    Digest digest{};
    SHA256_Final(digest.data(), context(copy));
    return digest;
}

std::string Sha256::hex() const {
    const Digest bytes = digest();
    return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Sha256::Digest sha256(std::string_view bytes) {
    Sha256 hash;
    hash.add(bytes);
    return hash.digest();
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 hash;
    hash.add(bytes);
    return hash.hex();
}

}  // namespace cast::base
