// MemoryStore: the store of a broker that keeps everything in memory: what the core holds is kept, and is gone
// with the process. A turn is committed as soon as it is closed. Broker's thread.
#pragma once
#include "core/store.hpp"

namespace broker {

class MemoryStore final : public Store {
public:
    void open(const NewStore& fresh) override { fresh_ = fresh; }
    Recovered recover() override {
        Recovered nothing;
        nothing.store_id = fresh_.id;
        nothing.epoch = fresh_.epoch;
        nothing.next_stream = fresh_.first_stream;
        return nothing;
    }
    bool close() override { return true; }
    bool volatile_only() const override { return true; }
    bool idle() const override { return true; }
    void begin(Transaction&& transaction) override { committed_ = transaction.turn; }
    Turn committed() const override { return committed_; }
    void load(const Load&) override {}
    bool loaded(Loaded&) override { return false; }
    bool healthy() const override { return true; }
    const char* name() const override { return "memory"; }

private:
    NewStore fresh_;
    Turn committed_ = 0;
};

}  // namespace broker
