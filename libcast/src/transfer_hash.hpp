// Sha256: the digest of a file's bytes, as they come. Not thread-safe. The only part of libcast that needs libcrypto.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace cast::detail {

class Sha256 {
public:
    Sha256();
    void add(std::string_view bytes);
    /// 64 hexadecimal digits of what was added so far; more may follow.
    std::string hex() const;

private:
    alignas(8) std::array<unsigned char, 128> state_;  // libcrypto's own, kept out of this header
};

std::string sha256_hex(std::string_view bytes);

}  // namespace cast::detail
