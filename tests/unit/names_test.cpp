// wire/names.hpp: which names are allowed, and the broker's own.
#include <doctest/doctest.h>

#include <string>

#include "wire/limits.hpp"
#include "wire/names.hpp"

using namespace cast::wire;

TEST_CASE("names are letters, digits, dots, underscores and dashes") {
    for (const char* name : {"a", "Z", "0", "_", "bob", "sensor-7.kitchen_2", "a.", "a-", "a..b", "0-0"}) {
        CAPTURE(name);
        CHECK(valid_name(name));
    }
}

TEST_CASE("names do not start with a dot or a dash, and hold nothing else") {
    for (const char* name : {"", ".", "..", ".a", "-", "-a", "a b", " a", "a/b", "a$", "$a", "a\n", "\xC3\xA4"}) {
        CAPTURE(name);
        CHECK_FALSE(valid_name(name));
    }
    CHECK_FALSE(valid_name(std::string_view("a\0b", 3)));
}

TEST_CASE("of all 256 bytes 65 may stand in a name and 63 may begin one") {
    int within = 0, first = 0;
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        first += valid_name(std::string(1, c)) ? 1 : 0;
        within += valid_name(std::string("a") + c) ? 1 : 0;
    }
    CHECK(within == 26 + 26 + 10 + 3);
    CHECK(first == 26 + 26 + 10 + 1);
}

TEST_CASE("a name has at most 128 bytes") {
    CHECK(valid_name(std::string(kMaxName, 'x')));
    CHECK_FALSE(valid_name(std::string(kMaxName + 1, 'x')));
    CHECK_FALSE(valid_name(std::string(100'000, 'x')));
}

TEST_CASE("reserved names are a dollar and a name, and no user's name") {
    for (std::string_view name : {kBrokerName, kEventsGroup, std::string_view("$reply.0123456789abcdef")}) {
        CAPTURE(name);
        CHECK(reserved_name(name));
        CHECK_FALSE(valid_name(name));
    }
    for (const char* name : {"", "$", "$$", "$.a", "$-a", "a", "a$", "$a b", "$$a"}) {
        CAPTURE(name);
        CHECK_FALSE(reserved_name(name));
    }
    CHECK(reserved_name("$" + std::string(kMaxName - 1, 'x')));
    CHECK_FALSE(reserved_name("$" + std::string(kMaxName, 'x')));
}

TEST_CASE("a session's reply node carries its 16 hex digits and is nobody else's") {
    CHECK(reply_name(0) == "$reply.0000000000000000");
    CHECK(reply_name(0x1A) == "$reply.000000000000001a");
    CHECK(reply_name(0x1122334455667788) == "$reply.1122334455667788");
    CHECK(reply_name(0xFFFFFFFFFFFFFFFF) == "$reply.ffffffffffffffff");
    CHECK(reserved_name(reply_name(7)));
    CHECK(is_reply_name("$reply.0000000000000007", 7));
    CHECK_FALSE(is_reply_name("$reply.0000000000000008", 7));
    CHECK_FALSE(is_reply_name("$reply.000000000000000A", 10));
    CHECK_FALSE(is_reply_name("$reply.7", 7));
    CHECK_FALSE(is_reply_name("$reply.00000000000000070", 7));
}
