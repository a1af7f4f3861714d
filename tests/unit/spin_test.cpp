// When the broker looks again instead of sleeping. Tests of broker/core/spin.
#include "core/spin.hpp"

#include <doctest/doctest.h>

using broker::Spin;

namespace {

void run(Spin& spin, int turns, std::int64_t wait_us, std::size_t bytes) {
    for (int i = 0; i < turns; ++i) {
        spin.waited(wait_us);
        spin.took(bytes);
    }
}

}  // namespace

TEST_CASE("lone messages every moment: it looks again") {
    Spin spin;
    CHECK(!spin.pays());
    run(spin, 100, 80, 200);
    CHECK(spin.pays());
}

TEST_CASE("lone messages now and then: it sleeps at once") {
    Spin spin;
    run(spin, 100, 80, 200);
    run(spin, 30, 1000, 200);
    CHECK(!spin.pays());
    run(spin, 100, 80, 200);
    CHECK(spin.pays());
}

TEST_CASE("a long silence counts as one wait: the talk that follows is soon noticed") {
    Spin spin;
    run(spin, 100, 80, 200);
    run(spin, 1, 3'600'000'000, 200);
    run(spin, 16, 80, 200);
    CHECK(spin.pays());
}

TEST_CASE("under load it sleeps when there is nothing, also between two large turns") {
    Spin spin;
    run(spin, 100, 20, 100'000);
    CHECK(!spin.pays());
    run(spin, 8, 20, 100);
    CHECK(!spin.pays());
    run(spin, 1, 20, 100'000);
    run(spin, 8, 20, 100);
    CHECK(!spin.pays());
    run(spin, 8, 20, 100);
    CHECK(spin.pays());
}
