// SimStore: the broker's store in virtual time: transactions that take their time, a disk that is sick for a while,
// answers to loads that are late, were read at some moment before, or fail. What it has kept outlives the broker.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "core/store.hpp"
#include "simulation/random.hpp"
#include "support/memory_disk.hpp"

namespace sim {

class World;

class SimStore final : public broker::Store {
public:
    SimStore(World& world, Random& random) : world_(world), random_(random) {}

    // --- The broker's side. ---------------------------------------------------------------------------------
    void open(const broker::NewStore&) override {}
    broker::Recovered recover() override;
    bool close() override;
    bool volatile_only() const override { return !durable_; }
    bool idle() const override;
    void begin(broker::Transaction&& transaction) override;
    broker::Turn committed() const override { return work_.committed; }
    void load(const broker::Load& load) override;
    bool loaded(broker::Loaded& loaded) override;
    bool healthy() const override { return !sick_; }
    std::string trouble() const override { return sick_ ? "the disk is sick" : ""; }
    std::int64_t busy_ms() const override;
    void incomplete() override { incomplete_ = true; }
    const char* name() const override { return "simulated"; }

    // --- The simulation's side. -----------------------------------------------------------------------------
    /// A broker begins with it. Returns what it finds.
    broker::Recovered start(bool durable);
    /// The broker has crashed. The last transaction is kept whole or not at all, and nobody has heard which.
    void crash();
    /// It goes on to the present moment.
    void go_on();
    /// When it has something to say.
    std::int64_t due() const;
    void set_sick(bool sick) { sick_ = sick; }
    /// It was closed in order, and knows all that was.
    bool in_order() const { return in_order_; }
    const cast::test::MemoryDisk& disk() const { return work_.disk; }

private:
    struct Reading {  ///< read at some moment between the asking and the answer
        broker::Load load;
        std::int64_t due_us = 0;
        std::optional<broker::Loaded> loaded;
    };
    struct Work {  ///< what a thread of its own does, in whatever moment the broker looks
        cast::test::MemoryDisk disk;
        std::optional<broker::Transaction> under_way;
        std::int64_t begun_us = 0, commit_us = broker::kNever;
        broker::Turn committed = 0;
        bool news = false;
        void finish();
    };
    std::int64_t commit_time();
    void forget();

    World& world_;
    Random& random_;
    bool durable_ = false, sick_ = false, incomplete_ = false, in_order_ = false;
    mutable Work work_;
    std::int64_t checked_us_ = 0;  ///< when the broker looked last: it is woken once for each answer
    std::deque<Reading> loads_;
    std::uint64_t loads_begun_ = 0;
};

}  // namespace sim
