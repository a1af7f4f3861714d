// chat NAME ROOM: what is typed goes to the room, "/to NAME TEXT" to one person alone, and what the others say is
// printed. Ends with its input. The broker is $CAST_BROKER, or the one of this machine.
#include <cast/node.hpp>
#include <chrono>
#include <iostream>
#include <string>

namespace {

int failed(const cast::Error& error) {
    std::cerr << "chat: " << error.text() << '\n';
    return cast::exit_code(error.code);
}

/// Says one line: "/to NAME TEXT" by unicast, what is no command by multicast.
cast::Result<void> say(cast::Node& node, const std::string& room, const std::string& line) {
    if (line.rfind('/', 0) != 0) return node.multicast(room, line);
    const auto name_stops = line.rfind("/to ", 0) == 0 ? line.find(' ', 4) : std::string::npos;
    if (name_stops == std::string::npos) return cast::Error{cast::ErrorCode::invalid_argument, "say /to NAME TEXT"};
    return node.unicast(line.substr(4, name_stops - 4), line.substr(name_stops + 1));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: chat NAME ROOM\n";
        return 2;
    }
    const std::string room = argv[2];
    cast::Options options;
    options.on_refused = [](const cast::Refusal& refusal) {  // the broker's answer, a moment after the send
        std::cerr << "not delivered to " << refusal.target << ": " << cast::error_hint(refusal.code) << std::endl;
    };
    auto node = cast::Node::attach(argv[1], options);
    if (!node) return failed(node.error());
    if (auto joined = node->join(room); !joined) return failed(joined.error());
    auto listening = node->on_message([](const cast::Message& message) {  // on a thread of the node's own
        const bool to_me = message.kind() == cast::CastKind::unicast;
        std::cout << message.sender() << (to_me ? " (to you): " : ": ") << message.payload() << std::endl;
    });
    if (!listening) return failed(listening.error());
    for (std::string line; std::getline(std::cin, line);) {
        if (auto said = say(*node, room, line); !said) failed(said.error());
    }
    const auto sent = node->flush(std::chrono::seconds(5));  // the first refusal, if there was one
    return sent ? 0 : cast::exit_code(sent.code());
}
