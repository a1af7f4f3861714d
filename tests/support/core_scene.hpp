// CoreScene: the broker's event loop with clients who speak to it in frames, in a time that the test moves. No sockets,
// no threads; a store on disk only where a test brings one.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/event_loop.hpp"
#include "support/memory_disk.hpp"

namespace cast::test {

struct Sending {  ///< how a batch of texts is sent
    std::uint32_t ttl_ms = 0;
    std::uint8_t priority = wire::kDefaultPriority;
    std::uint8_t flags = 0;
    wire::Cast cast = wire::Cast::unicast;
};

class CoreScene {
public:
    broker::Now now{1000000, 1700000000000000u};

private:
    struct Around;  ///< the loop's edge, store and clock
    std::unique_ptr<Around> around_;
    std::unique_ptr<broker::EventLoop> loop_;

public:
    explicit CoreScene(const broker::Config& config = {});
    ~CoreScene();

    broker::EventLoop& loop() { return *loop_; }
    broker::Router& router() { return loop_->router(); }
    broker::State& state() { return router().state(); }
    void pass(std::int64_t ms) { now.mono_us += ms * 1000, now.wall_us += static_cast<std::uint64_t>(ms) * 1000; }

    /// A client with its HELLO said; its number is its connection and its session.
    void connect(std::uint64_t client);
    void attach(std::uint64_t client, std::string_view node, bool receive = true);
    void detach(std::uint64_t client, std::string_view node);
    /// Sends one batch; its outcome is in `refused` after turn().
    void send(std::uint64_t client, std::string_view sender, std::string_view target,
              const std::vector<std::string>& payloads, Sending how = {});
    /// Acknowledges what this client was delivered, but for its last `but` messages.
    void ack(std::uint64_t client, std::uint64_t but = 0);
    /// A management call.
    void call(std::uint64_t client, std::string_view json);
    /// `kept`: the store keeps it at once.
    void turn(bool kept = true);
    bool store_keeps = true;  ///< false: it keeps nothing, whatever `kept` says
    broker::Node& create(std::string_view node);
    /// A turn, and what changed is kept on this disk, which also answers what it is asked. Until nothing more comes of
    /// it.
    void keep(MemoryDisk& disk);
    /// As a broker that starts on this disk.
    void restore(const MemoryDisk& disk, bool clean);

    // --- What came of it, by client; take() empties it. ----------------------------------------------------
    std::string delivered(std::uint64_t client);  ///< payloads, with a blank between them
    std::string gaps(std::uint64_t client);       ///< "purged 3": reason and how many, with a blank between them
    std::string outcomes(
        std::uint64_t client);  ///< refusals and answers about delivery: "1 mailbox_full", "2 delivered ok"
    std::string notices(
        std::uint64_t client);  ///< "deleted bob", "taken_over bob", "joined bob", "left bob"; and "bye"
    std::string answers(std::uint64_t client);  ///< to calls: "ok" or the code, with a blank between them
    /// The answer to a look: payloads.
    std::string browsed();
    std::vector<broker::BrowseAnswer> browse_answers;
    broker::Outbox& outbox;           ///< leaves with the next turn
    bool incomplete = false;          ///< the store was told that it will not hear of all
    std::vector<broker::Load> loads;  ///< what the store was asked for and has not answered

private:
    void handle(std::uint64_t client, const std::string& frame);
    void hear(std::uint64_t client, std::string_view bytes);

    std::map<std::uint64_t, std::uint64_t> numbers_;
    std::map<std::uint64_t, std::string> delivered_, gaps_, outcomes_, notices_, answers_;
    std::map<std::uint64_t, std::map<std::uint64_t, std::uint64_t>> reached_;  // client, stream: sequence
};

}  // namespace cast::test
