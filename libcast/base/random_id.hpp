// Random numbers that nobody can guess, from the kernel: ids and secrets. Any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace cast::base {

/// At most 256 bytes at a time. Throws std::system_error when the kernel gives none.
std::string random_bytes(std::size_t count);

/// `count` hexadecimal digits in lower case, an even number of at most 512. Throws as random_bytes.
std::string random_digits(std::size_t count);

/// Any number of 64 bits but 0. Throws as random_bytes.
std::uint64_t random_id();

}  // namespace cast::base
