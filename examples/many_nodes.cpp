// many_nodes COUNT: so many nodes over one connection, m0, m1 and so on, received for by one thread. It ends once each
// of them has had a message, and tells how many came. The broker is $CAST_BROKER, or the one of this machine.
#include <cast/node.hpp>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    const int count = argc == 2 ? std::atoi(argv[1]) : 0;
    if (count <= 0) {
        std::cerr << "usage: many_nodes COUNT\n";
        return 2;
    }
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back("m" + std::to_string(i));

    const auto failed = [](const cast::Error& error) {
        std::cerr << "many_nodes: " << error.text() << '\n';
        return cast::exit_code(error.code);
    };
    auto connection = cast::Connection::open();
    if (!connection) return failed(connection.error());
    auto nodes = connection->attach_all(names, cast::Queue::shared);
    if (!nodes) return failed(nodes.error());
    std::cout << nodes->size() << " nodes wait" << std::endl;

    std::size_t messages = 0, heard = 0;
    std::vector<bool> has_one(names.size());
    while (heard < names.size()) {
        auto some = connection->receive_some(
            [&](std::string_view node, const cast::Message&) {
                auto one = has_one.at(std::stoul(std::string(node.substr(1))));
                if (!one) ++heard;
                one = true;
            },
            std::chrono::minutes(1));
        if (!some) return failed(some.error());
        messages += *some;
    }
    std::cout << messages << " messages, at least one for each of " << heard << " nodes" << std::endl;
}
