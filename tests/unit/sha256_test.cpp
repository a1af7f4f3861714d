// base/sha256.hpp: the digest of the standard, at once and in parts.
#include "base/sha256.hpp"

#include <doctest/doctest.h>

using cast::base::Sha256;
using cast::base::sha256_hex;

TEST_CASE("SHA-256 is that of the standard, and goes on after it was asked") {
    CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Sha256 hash;
    hash.add("a");
    CHECK(hash.hex() == sha256_hex("a"));
    hash.add("bc");
    CHECK(hash.hex() == sha256_hex("abc"));
    CHECK(cast::base::sha256("abc") == hash.digest());
    CHECK(hash.digest()[0] == 0xba);
}
