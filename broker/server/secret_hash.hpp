// The hash of a session's secret that the broker keeps: who reads the store does not learn the secret. Any thread.
#pragma once
#include <string_view>

#include "core/types.hpp"

namespace broker {

/// The first half of the SHA-256 of these bytes: for a secret of 128 random bits that is as hard to turn around.
SecretHash hash_secret(std::string_view secret);

}  // namespace broker
