// Daemon: the broker's process: a real Router, the turn around it as broker.cpp does it, a store that may be late
// or sick, crashes and restarts that lose everything, or what the store had not committed. Not the sockets: those are
// the Network.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/router.hpp"
#include "simulation/random.hpp"
#include "support/memory_disk.hpp"

namespace sim {

class World;

class Daemon {
public:
    Daemon(World& world, Random& random) : world_(world), random_(random) {}

    void start();
    void crash();
    /// It ends in order, as far as its store lets it.
    void stop();
    bool up() const { return router_ != nullptr; }
    broker::Router* router() { return router_.get(); }

    /// When it wants its next turn.
    std::int64_t due() const;
    void turn();
    /// It stands still until then.
    void stall(std::int64_t until_us) { stalled_us_ = until_us; }
    void restart_at(std::int64_t at_us) { restart_us_ = at_us; }
    void store_sick(bool sick) { sick_ = sick; }
    /// What an operator asks for; its consequences leave with the next turn.
    template <class Do>
    auto manage(Do&& act) {
        turn_us_ = 0;
        return act(*router_, outbox_);
    }
    bool join(std::string_view node, std::string_view group);
    bool leave(std::string_view node, std::string_view group);

    const cast::test::MemoryDisk& disk() const { return disk_; }

    /// The event at which a node was granted to its reader.
    std::uint64_t granted(broker::ConnectionId wire, std::uint32_t request, const std::string& node) const;
    std::uint64_t turns() const { return turns_; }
    std::uint64_t digest() const { return digest_; }
    broker::Now clock() const;

private:
    void carry_out(broker::Now now);
    void hear_store(broker::Now now);
    void finish_commit();
    void tell_store(broker::Now now);
    std::int64_t commit_time();
    void note_receipt(const broker::Send& send);
    void control(const broker::ControlCall& call);
    void publish_events(broker::Now now);
    void commit(broker::Now now);
    void lost();
    void note_grants(const broker::Send& send);
    void digest(std::string_view bytes);

    World& world_;
    Random& random_;
    std::unique_ptr<broker::Router> router_;
    broker::Outbox outbox_;
    std::vector<broker::ConnectionId> unreachable_;
    std::deque<std::pair<broker::Turn, std::int64_t>> commits_;  // turn, when the store has it
    std::map<std::tuple<broker::ConnectionId, std::uint32_t, std::string>, std::uint64_t> grants_;
    std::uint64_t epoch_ = 0;
    std::int64_t turn_us_ = 0;
    std::int64_t stalled_us_ = 0;
    std::int64_t restart_us_ = kNever;
    bool sick_ = false;

    // The store of a durable broker.
    cast::test::MemoryDisk disk_;
    std::optional<broker::Transaction> under_way_;
    std::int64_t commit_us_ = kNever;
    broker::Turn committed_ = 0;
    bool ended_in_order_ = false;
    struct Reading {  // read at some moment between the asking and the answer
        broker::Load load;
        std::int64_t due_us = 0;
        std::optional<broker::Loaded> loaded;
    };
    std::deque<Reading> loads_;
    std::uint64_t loads_begun_ = 0;
    std::uint64_t turns_ = 0;
    std::uint64_t latest_wall_us_ = 0;
    std::uint64_t digest_ = 0;
    static constexpr std::int64_t kNever = broker::kNever;
};

}  // namespace sim
