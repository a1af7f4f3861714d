// monitor NAME: prints what workers report to the node NAME, and broadcasts each line of its input to them as an order.
// The line "stop", or the end of the input, sends them home: it waits until each has said "stopped". See worker.cpp.
#include <cast/node.hpp>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <set>
#include <string>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: monitor NAME\n";
        return 2;
    }
    std::mutex mutex;  // these outlive the node, whose callback uses them
    std::condition_variable changed;
    std::set<std::string> working;
    auto node = cast::Node::attach(argv[1]);
    if (!node) {
        std::cerr << "monitor: " << node.error().text() << '\n';
        return cast::exit_code(node.code());
    }

    auto listening = node->on_message([&](const cast::Message& report) {
        const std::lock_guard lock(mutex);
        const std::string worker(report.sender());
        std::cout << worker << ": " << report.payload() << std::endl;
        if (report.payload() == "stopped")
            working.erase(worker);
        else
            working.insert(worker);
        changed.notify_all();
    });
    if (!listening) return 1;

    cast::Result<void> sent;
    for (std::string order; sent && std::getline(std::cin, order) && order != "stop";) sent = node->broadcast(order);
    if (sent) sent = node->broadcast("stop");
    if (sent) sent = node->flush(std::chrono::seconds(5));  // the broker holds the orders now
    if (!sent) {
        std::cerr << "monitor: " << sent.error().text() << '\n';
        return cast::exit_code(sent.code());
    }
    std::unique_lock lock(mutex);
    if (changed.wait_for(lock, std::chrono::seconds(10), [&] { return working.empty(); })) return 0;
    for (const std::string& worker : working) std::cerr << "monitor: " << worker << " has not stopped\n";
    return 1;
}
