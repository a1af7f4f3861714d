// broker/core/busiest.hpp, cursors.hpp and positions.hpp: sums that are kept, so that nobody has to look at all nodes.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/busiest.hpp"
#include "core/directory.hpp"
#include "core/group/cursors.hpp"
#include "core/stream/positions.hpp"

using namespace broker;

namespace {

struct Crowd {
    UsageTotals totals;
    Directory directory{totals};
    Busiest busiest;

    Node& node(std::uint64_t traffic) {
        Node& node = directory.add_node("n" + std::to_string(directory.nodes_made()), false);
        grow(node, traffic);
        return node;
    }
    void grow(Node& node, std::uint64_t traffic) {
        node.received += traffic;
        busiest.grown(node);
    }
    bool lists(const Node& node) {
        const auto& all = busiest.nodes();
        return std::find(all.begin(), all.end(), &node) != all.end();
    }
};

}  // namespace

TEST_CASE_FIXTURE(Crowd, "the busiest are listed, whatever comes in what order, and few others") {
    Node& most = node(1'000'000);
    std::vector<Node*> idle;
    for (std::uint64_t i = 0; i < 5 * Busiest::kKept; ++i) idle.push_back(&node(1 + i % 7));
    CHECK(lists(most));
    CHECK(busiest.nodes().size() < 2 * Busiest::kKept);
    grow(*idle.front(), 100);
    CHECK(lists(*idle.front()));
    std::vector<Node*> all;
    directory.for_each_node([&](Node& one) { all.push_back(&one); });
    std::sort(all.begin(), all.end(), [](const Node* a, const Node* b) { return a->received > b->received; });
    const std::uint64_t least = all[Busiest::kKept - 1]->received;
    for (const Node* one : all)
        if (one->received > least) CHECK(lists(*one));
}

TEST_CASE_FIXTURE(
    Crowd, "a node that is gone is not listed, and where many have gone others come back with their next message") {
    std::vector<Node*> rich, poor;
    for (std::size_t i = 0; i < Busiest::kKept; ++i) rich.push_back(&node(1000));
    for (std::size_t i = 0; i < 2 * Busiest::kKept; ++i) poor.push_back(&node(1));
    REQUIRE_FALSE(std::all_of(poor.begin(), poor.end(), [&](const Node* one) { return lists(*one); }));
    for (Node* one : rich) {
        busiest.forget(*one);
        directory.remove_node(*one);
    }
    for (Node* one : poor) grow(*one, 1);
    CHECK(std::count_if(poor.begin(), poor.end(), [&](const Node* one) { return lists(*one); }) >=
          static_cast<std::ptrdiff_t>(Busiest::kKept));
}

TEST_CASE("the least of many cursors is known, also when readers stand at the same place and when they have gone") {
    Cursors cursors;
    CHECK(cursors.empty());
    for (const Sequence at : {7u, 3u, 3u, 9u}) cursors.add(at);
    CHECK(cursors.lowest() == 3);
    cursors.remove(3);
    CHECK(cursors.lowest() == 3);
    cursors.remove(3);
    CHECK(cursors.lowest() == 7);
    CHECK(cursors.size() == 2);
    cursors.remove(7);
    cursors.remove(9);
    CHECK(cursors.empty());
}

TEST_CASE("a position is found by its stream, and the last of several counts") {
    const Positions positions({{9, 1, 1}, {3, 2, 2}, {9, 5, 6}});
    REQUIRE(positions.of(9) != nullptr);
    CHECK(positions.of(9)->acked == 5);
    CHECK(positions.of(3)->received == 2);
    CHECK(positions.of(4) == nullptr);
    CHECK(Positions().of(9) == nullptr);
}

TEST_CASE("nodes are counted as they are made, attached and deleted, and listed by name") {
    UsageTotals totals;
    Directory directory{totals};
    Node &carol = directory.add_node("carol", false), &alice = directory.add_node("alice", false);
    directory.add_node("$reply", true);
    int stands_for_a_connection = 0;
    auto* connection = reinterpret_cast<Connection*>(&stands_for_a_connection);
    directory.set_created(carol, true);
    directory.set_created(carol, true);
    directory.set_connection(alice, connection);
    directory.set_connection(alice, connection);
    CHECK(directory.nodes() == 2);
    CHECK(directory.created() == 1);
    CHECK(directory.attached() == 1);
    CHECK(directory.nodes_by_name().begin()->name == "alice");
    directory.remove_node(alice);
    directory.remove_node(carol);
    CHECK(directory.nodes() == 0);
    CHECK(directory.created() == 0);
    CHECK(directory.attached() == 0);
}
