// See secret_hash.hpp.
#include "secret_hash.hpp"

#include "src/transfer_hash.hpp"

namespace broker {

SecretHash hash_secret(std::string_view secret) {
    const std::string digits = cast::detail::sha256_hex(secret);
    const auto value = [](char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; };
    SecretHash hash{};
    for (std::size_t i = 0; i < hash.size(); ++i)
        hash[i] = static_cast<unsigned char>(value(digits[2 * i]) * 16 + value(digits[2 * i + 1]));
    return hash;
}

}  // namespace broker
