// subscriber NAME GROUP [-n COUNT]: joins GROUP and prints what is sent to it, a line each; ends after COUNT messages.
// Its other half is publisher.cpp. The broker is $CAST_BROKER, or the one of this machine.
#include <cast/node.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

int failed(const cast::Error& error) {
    std::cerr << "subscriber: " << error.text() << '\n';
    return cast::exit_code(error.code);
}

}  // namespace

int main(int argc, char** argv) {
    const bool counts = argc == 5 && std::string(argv[3]) == "-n" && std::atol(argv[4]) > 0;
    if (argc != 3 && !counts) {
        std::cerr << "usage: subscriber NAME GROUP [-n COUNT]\n";
        return 2;
    }
    const long most = counts ? std::atol(argv[4]) : 0;
    cast::Options options;
    options.on_notice = [](const cast::Notice& notice) {  // what was let go before we read it is told, never hidden
        if (notice.kind == cast::Notice::Kind::gap) std::cerr << notice.count << " " << notice.text << '\n';
    };
    auto node = cast::Node::attach(argv[1], options);
    if (!node) return failed(node.error());
    if (auto joined = node->join(argv[2]); !joined) return failed(joined.error());

    for (long seen = 0; most == 0 || seen < most;) {
        auto message = node->receive(milliseconds(0));
        if (message.code() == cast::ErrorCode::timed_out) {  // nothing at hand: show what came, then wait
            std::cout.flush();
            message = node->receive(hours(1));
        }
        if (message.code() == cast::ErrorCode::timed_out) continue;
        if (!message) return failed(message.error());
        if (message->kind() != cast::CastKind::multicast) continue;  // a broadcast, or a word to us alone
        std::cout << message->payload() << '\n';
        ++seen;
    }
    node->ack();  // the last one: the others were acknowledged when the next was taken
}
