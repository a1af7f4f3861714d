// Directory: who has which port, and what a node keeps in few bits.
#include "core/directory.hpp"

#include <doctest/doctest.h>

#include <string>

using broker::Directory;
using broker::Node;

TEST_CASE("directory: a port is found by its number, and free again when its node changes it or goes") {
    broker::UsageTotals totals;
    Directory directory{totals};
    Node& alice = directory.add_node("alice", false);
    Node& bob = directory.add_node("bob", false);
    CHECK(directory.holder_of_port(0) == nullptr);
    CHECK(directory.holder_of_port(9001) == nullptr);
    directory.set_port(alice, 9001);
    directory.set_port(bob, 9002);
    CHECK(directory.holder_of_port(9001) == &alice);
    CHECK(directory.holder_of_port(9002) == &bob);
    directory.set_port(alice, 9003);
    CHECK(directory.holder_of_port(9001) == nullptr);
    CHECK(directory.holder_of_port(9003) == &alice);
    directory.remove_node(bob);
    CHECK(directory.holder_of_port(9002) == nullptr);
    directory.set_port(alice, 0);
    CHECK(directory.holder_of_port(9003) == nullptr);
    CHECK(directory.holder_of_port(0) == nullptr);
}

TEST_CASE("directory: the bits of a node hold all ports, and its flags and number do not touch each other") {
    broker::UsageTotals totals;
    Directory directory{totals};
    for (int port : {1, 1024, 32768, 65535}) {
        Node& node = directory.add_node("node" + std::to_string(port), port % 2 == 0);
        const std::uint64_t id = node.id;
        directory.set_port(node, port);
        node.created = node.online = node.dirty = true;
        CHECK(+node.port == port);
        CHECK(std::uint64_t{node.id} == id);
        CHECK(bool{node.hidden} == (port % 2 == 0));
        CHECK(directory.holder_of_port(port) == &node);
        node.created = node.online = node.dirty = false;
        CHECK(+node.port == port);
        CHECK(std::uint64_t{node.id} == id);
    }
    CHECK(directory.nodes() == 2);  // hidden ones are not counted
}
