// libcast/src/session/dialer.hpp: which end is dialled next. Numbers and localhost alone: no name is looked up.
#include "src/session/dialer.hpp"

#include <doctest/doctest.h>

using namespace cast::detail;

namespace {

Dialer dialer(const char* urls) { return Dialer(*Address::parse_list(urls)); }

/// The next ends, with a blank between them; "." for an end of a round.
std::string round_of(Dialer& dialer, int endpoints) {
    std::string all;
    for (; endpoints > 0; --endpoints) {
        all += dialer.next(0).value_or("none");
        all += dialer.more() ? " " : ". ";
    }
    return all;
}

}  // namespace

TEST_CASE("one address is dialled again and again, each time a round") {
    auto one = dialer("tcp://127.0.0.1:1");
    CHECK(round_of(one, 2) == "tcp://127.0.0.1:1. tcp://127.0.0.1:1. ");
    CHECK_FALSE(one.several());
}

TEST_CASE("several are dialled in turn, with all their numbers") {
    auto all = dialer("tcp://127.0.0.1:1,tcp://localhost:2,ipc:///a,b");
    CHECK(all.several());
    CHECK(round_of(all, 5) == "tcp://127.0.0.1:1 tcp://127.0.0.1:2 tcp://[::1]:2 ipc:///a,b. tcp://127.0.0.1:1 ");
}

TEST_CASE("one of several gets half a second for its answer, longer with each round in vain, and the only one two") {
    auto all = dialer("ipc:///a,ipc:///b");
    std::string patience;
    for (int i = 0; i < 12; ++i) {
        (void)all.next(0);
        patience += std::to_string(all.patience_us() / 1000) + " ";
    }
    CHECK(patience == "500 500 1000 1000 2000 2000 4000 4000 4000 4000 4000 4000 ");
    all.reached();
    (void)all.next(0);
    CHECK(all.patience_us() == 500000);
    CHECK(dialer("ipc:///a").patience_us() == 2000000);
}

TEST_CASE("the next round begins with the one that took us") {
    auto all = dialer("ipc:///a,ipc:///b,ipc:///c");
    (void)all.next(0);
    (void)all.next(0);
    all.reached();
    CHECK(all.address().url == "ipc:///b");
    CHECK(round_of(all, 4) == "ipc:///b ipc:///c ipc:///a. ipc:///b ");
}

TEST_CASE("the same end can be dialled again at once") {
    auto all = dialer("ipc:///a,ipc:///b");
    CHECK_FALSE(all.at_once(true, ""));  // none was dialled yet
    CHECK(round_of(all, 1) == "ipc:///a ");
    CHECK(all.at_once(true, "ipc:///c"));
    CHECK(round_of(all, 2) == "ipc:///a ipc:///b. ");
}

TEST_CASE("a leader that is named is next, once; whom it names is not followed") {
    auto all = dialer("ipc:///a,ipc:///b");
    (void)all.next(0);
    CHECK_FALSE(all.follow(""));
    CHECK_FALSE(all.follow("http://c"));
    REQUIRE(all.follow("ipc:///c"));
    CHECK(*all.next(0) == "ipc:///c");
    CHECK_FALSE(all.follow("ipc:///d"));
    CHECK(*all.next(0) == "ipc:///b");
    SUBCASE("a later one may name another") {
        CHECK(all.follow("ipc:///d"));
        CHECK(*all.next(0) == "ipc:///d");
    }
    SUBCASE("so may one that took us") {
        REQUIRE(all.follow("ipc:///c"));
        (void)all.next(0);
        all.reached();
        CHECK(all.follow("ipc:///d"));
    }
}

TEST_CASE("a leader that took us is where the next round begins, if it is one of the list") {
    auto all = dialer("ipc:///a,ipc:///b,ipc:///c");
    (void)all.next(0);
    REQUIRE(all.follow("ipc:///c"));
    (void)all.next(0);
    all.reached();
    CHECK(round_of(all, 3) == "ipc:///c ipc:///a ipc:///b. ");
}
