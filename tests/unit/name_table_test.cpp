// NameTable: found by name and in order, what is listed and what is not; its growth.
#include "core/name_table.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace {

struct Thing : broker::Named {
    explicit Thing(std::string called, int* destroyed = nullptr) : ended(destroyed) { name = std::move(called); }
    ~Thing() {
        if (ended != nullptr) ++*ended;
    }
    int* ended;
};
using Table = broker::NameTable<Thing>;

std::vector<std::string> listed(const Table& table) {
    std::vector<std::string> names;
    for (const Thing& one : table.by_name()) names.push_back(one.name);
    return names;
}

}  // namespace

TEST_CASE("name table: each is found by its name, listed ones in order, and none that was taken") {
    Table table;
    Thing& carol = table.add(std::make_unique<Thing>("carol"), true);
    Thing& reply = table.add(std::make_unique<Thing>("$reply"), false);
    Thing& alice = table.add(std::make_unique<Thing>("alice"), true);
    CHECK(table.find("carol") == &carol);
    CHECK(table.find("$reply") == &reply);
    CHECK(table.find("bob") == nullptr);
    CHECK(table.find("") == nullptr);
    CHECK(table.size() == 3);
    CHECK(listed(table) == std::vector<std::string>{"alice", "carol"});
    CHECK(table.by_name().upper_bound(std::string_view("alice"))->name == "carol");
    CHECK(table.take(reply, false)->name == "$reply");
    CHECK(table.take(alice, true).get() == &alice);
    CHECK(table.find("$reply") == nullptr);
    CHECK(table.find("alice") == nullptr);
    CHECK(listed(table) == std::vector<std::string>{"carol"});
    table.add(std::make_unique<Thing>("alice"), true);
    CHECK(listed(table) == std::vector<std::string>{"alice", "carol"});
}

TEST_CASE("name table: what it has ends with it, and what was taken does not") {
    int ended = 0;
    std::unique_ptr<Thing> taken;
    {
        Table table;
        table.add(std::make_unique<Thing>("alice", &ended), true);
        table.add(std::make_unique<Thing>("$reply", &ended), false);
        taken = table.take(table.add(std::make_unique<Thing>("bob", &ended), true), true);
        CHECK(ended == 0);
    }
    CHECK(ended == 2);
    CHECK(taken->name == "bob");
}

TEST_CASE("name table: a hundred thousand are found, without buckets that grow among the many") {
    Table table;
    CHECK(table.room() < 1000);  // a broker of few nodes pays nothing for it
    std::size_t most_moved = 0;
    for (int i = 0; i < 100'000; ++i) {
        const std::size_t room = table.room();
        table.add(std::make_unique<Thing>("node" + std::to_string(i)), true);
        if (table.room() != room) most_moved = table.size();
    }
    CHECK(most_moved < 20'000);
    CHECK(table.size() == 100'000);
    std::size_t found = 0;
    for (int i = 0; i < 100'000; ++i) found += table.find("node" + std::to_string(i)) != nullptr ? 1 : 0;
    CHECK(found == 100'000);
    CHECK(table.find("node100000") == nullptr);
    std::size_t seen = 0;
    table.for_each([&](Thing&) { ++seen; });
    CHECK(seen == 100'000);
}
