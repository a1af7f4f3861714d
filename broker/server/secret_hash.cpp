// See secret_hash.hpp.
#include "server/secret_hash.hpp"

#include <algorithm>

#include "base/sha256.hpp"

namespace broker {

SecretHash hash_secret(std::string_view secret) {
    const auto digest = cast::base::sha256(secret);
    SecretHash hash{};
    std::copy_n(digest.begin(), hash.size(), hash.begin());
    return hash;
}

}  // namespace broker
