// publisher NAME GROUP: sends each line of its input to the members of GROUP, and says how many went out.
// Its other half is subscriber.cpp. The broker is $CAST_BROKER, or the one of this machine.
#include <cast/admin.hpp>
#include <cast/node.hpp>
#include <chrono>
#include <iostream>
#include <string>

namespace {

int failed(const cast::Error& error) {
    std::cerr << "publisher: " << error.text() << '\n';
    return cast::exit_code(error.code);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: publisher NAME GROUP\n";
        return 2;
    }
    const std::string group = argv[2];
    cast::Options options;
    options.send_only = true;  // it receives nothing, so its name may be in use elsewhere
    auto node = cast::Node::attach(argv[1], options);
    if (!node) return failed(node.error());
    // A group exists once somebody created or joined it. What is sent while it has no members is for nobody.
    if (auto created = cast::Admin(node->connection()).create_group(group); !created) return failed(created.error());

    std::size_t lines = 0;
    for (std::string line; std::getline(std::cin, line); ++lines) {
        if (auto sent = node->multicast(group, line); !sent) return failed(sent.error());
    }
    if (auto receipted = node->flush(std::chrono::seconds(30)); !receipted) return failed(receipted.error());
    std::cout << lines << " lines published to " << group << '\n';
}
