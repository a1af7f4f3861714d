// See random_id.hpp.
#include "base/random_id.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/hex.hpp"

namespace cast::base {
namespace {

void fill_at_random(void* bytes, std::size_t count) {
    if (getentropy(bytes, count) != 0)
        throw std::system_error(errno, std::system_category(), "the system gives no random numbers");
}

}  // namespace

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    fill_at_random(bytes.data(), bytes.size());
    return bytes;
}

std::string random_digits(std::size_t count) { return to_hex(random_bytes(count / 2)); }

std::uint64_t random_id() {
    std::uint64_t id = 0;
    fill_at_random(&id, sizeof id);
    return id == 0 ? 1 : id;
}

}  // namespace cast::base
