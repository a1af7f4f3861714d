// The store of a broker that keeps everything in memory: each start is a new store.
#include "store/memory.hpp"

#include <doctest/doctest.h>

#include <utility>

using namespace broker;

TEST_CASE("a store in memory begins with what is new, and finds nothing") {
    MemoryStore store;
    store.open({99, 7, 1000});
    const Recovered found = store.recover();
    CHECK(found.store_id == 99);
    CHECK(found.epoch == 7);
    CHECK(found.next_stream == 1000);
    CHECK(found.clean);
    CHECK(found.nodes.empty());
    CHECK(found.streams.empty());
    CHECK(store.close());
    CHECK_FALSE(store.lost());
}

TEST_CASE("a store in memory has each turn as soon as it is given") {
    MemoryStore store;
    Transaction transaction;
    transaction.turn = 5;
    store.begin(std::move(transaction));
    CHECK(store.committed() == 5);
    CHECK(store.idle());
}
