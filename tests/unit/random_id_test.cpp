// base/random_id.hpp: ids, digits and bytes of chance.
#include "base/random_id.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <system_error>

using namespace cast::base;

TEST_CASE("random ids differ, and none is 0") {
    std::set<std::uint64_t> ids;
    for (int i = 0; i < 1000; ++i) ids.insert(random_id());
    CHECK(ids.size() == 1000);
    CHECK(!ids.contains(0));
}

TEST_CASE("random bytes and digits are as many as asked for") {
    CHECK(random_bytes(0).empty());
    CHECK(random_bytes(16).size() == 16);
    CHECK(random_bytes(16) != random_bytes(16));
    const std::string digits = random_digits(32);
    CHECK(digits.size() == 32);
    CHECK(digits.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(digits != random_digits(32));
}

TEST_CASE("more than the kernel gives at a time is an error, and not less chance") {
    CHECK_THROWS_AS(random_bytes(257), std::system_error);
}
