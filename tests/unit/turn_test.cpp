// libcast/src/inbound/turn.hpp: one thread at a time.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "src/inbound/turn.hpp"

using cast::detail::Turn;

TEST_CASE("a turn is taken once, by whoever comes first, and known to its holder") {
    Turn turn;
    CHECK_FALSE(turn.ours());
    CHECK(turn.take());
    CHECK(turn.ours());
    CHECK_FALSE(turn.take());
    std::thread other([&] {
        CHECK_FALSE(turn.take());
        CHECK_FALSE(turn.ours());
    });
    const std::thread::id heir = other.get_id();
    other.join();
    turn.pass_to(heir);
    CHECK_FALSE(turn.ours());
    CHECK_FALSE(turn.take());
    turn.give_back();
    CHECK(turn.take());
}

TEST_CASE("of several threads one at a time has the turn") {
    Turn turn;
    std::atomic<int> inside{0}, twice{0}, taken{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 20000; ++i) {
                if (!turn.take()) continue;
                twice += ++inside != 1;
                --inside;
                ++taken;
                turn.give_back();
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(twice == 0);
    CHECK(taken > 0);
}
