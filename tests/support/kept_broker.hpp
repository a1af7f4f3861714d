// Kept: a broker's core whose store outlives it: it ends, in order or not, and the next one starts on the same disk.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "support/core_scene.hpp"
#include "support/memory_disk.hpp"
#include "wire/messages.hpp"

namespace cast::test {

/// A broker with a disk, which ends and starts again.
struct Kept {
    MemoryDisk disk;
    broker::Config config;
    std::unique_ptr<CoreScene> scene;
    std::uint64_t epoch = 0;

    Kept() { config.durable = true; }
    CoreScene& start(bool clean = false) {
        const broker::Now now = scene ? scene->now : broker::Now{1000000, 1700000000000000u};
        config.epoch = ++epoch;
        config.first_stream = epoch * 100000;
        for (const auto& [id, row] : disk.streams())
            if (row.kind == wire::kBroadcastStream) config.broadcast_stream = id;
        scene = std::make_unique<CoreScene>(config);
        scene->now = now;
        scene->restore(disk, clean);
        scene->keep(disk);
        return *scene;
    }
    /// The first one: bob is there, and alice (client 1), who sends.
    CoreScene& start_with_bob() {
        CoreScene& s = start();
        s.create("bob");
        s.connect(1);
        s.attach(1, "alice", false);
        return s;
    }
    /// Sends each of these as a batch of its own.
    void send(std::uint64_t client, const std::vector<std::string>& payloads, Sending how = {}) {
        for (const std::string& payload : payloads) scene->send(client, "alice", "bob", {payload}, how);
    }
};

}  // namespace cast::test
