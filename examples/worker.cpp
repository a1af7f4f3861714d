// worker NAME MONITOR: reports to the node MONITOR every 100 ms, answers the orders that MONITOR broadcasts, and ends
// at the order "stop". Its other half is monitor.cpp. The broker is $CAST_BROKER, or the one of this machine.
#include <cast/node.hpp>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <string>

namespace {

void report(cast::Node& node, const std::string& monitor, const std::string& text) {  // any thread may send
    if (auto sent = node.unicast(monitor, text); !sent) std::cerr << "worker: " << sent.error().text() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: worker NAME MONITOR\n";
        return 2;
    }
    const std::string monitor = argv[2];
    std::mutex mutex;  // these outlive the node, whose callback uses them
    std::condition_variable changed;
    bool stopped = false;
    auto node = cast::Node::attach(argv[1]);
    if (!node) {
        std::cerr << "worker: " << node.error().text() << '\n';
        return cast::exit_code(node.code());
    }

    auto listening = node->on_message([&](const cast::Message& order) {
        if (order.kind() != cast::CastKind::broadcast || order.sender() != monitor) return;
        if (order.payload() != "stop") return report(*node, monitor, "did: " + std::string(order.payload()));
        const std::lock_guard lock(mutex);
        stopped = true;
        changed.notify_all();
    });
    if (!listening) return 1;

    std::unique_lock lock(mutex);
    for (int n = 1; !stopped; ++n) {
        lock.unlock();
        report(*node, monitor, "report " + std::to_string(n));
        lock.lock();
        changed.wait_for(lock, std::chrono::milliseconds(100), [&] { return stopped; });
    }
    lock.unlock();
    report(*node, monitor, "stopped");
    // Receipts for all of it. While the monitor was not there yet, its absence was the answer: no reason to fail.
    const auto flushed = node->flush(std::chrono::seconds(5));
    return flushed || flushed.code() == cast::ErrorCode::no_such_node ? 0 : cast::exit_code(flushed.code());
}
