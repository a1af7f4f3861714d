// Sha256: the digest of bytes, as they come. Not thread-safe. The only part of ours that needs libcrypto.
#pragma once
#include <array>
#include <string>
#include <string_view>

namespace cast::base {

class Sha256 {
public:
    using Digest = std::array<unsigned char, 32>;

    Sha256();
    void add(std::string_view bytes);
    /// Of what was added so far; more may follow.
    Digest digest() const;
    /// The same as 64 hexadecimal digits.
    std::string hex() const;

private:
    alignas(8) std::array<unsigned char, 128> state_;  // libcrypto's own, kept out of this header
};

Sha256::Digest sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

}  // namespace cast::base
