// MemoryStore: the store of a broker that keeps everything in memory: what the core holds is kept, and is gone
// with the process. A turn is committed as soon as it is closed. Broker's thread.
#pragma once
#include "core/store.hpp"

namespace broker {

class MemoryStore final : public Store {
public:
    bool volatile_only() const override { return true; }
    bool idle() const override { return true; }
    void begin(Transaction&& transaction) override { committed_ = transaction.turn; }
    Turn committed() const override { return committed_; }
    void load(const Load&) override {}
    bool loaded(Loaded&) override { return false; }
    bool healthy() const override { return true; }
    const char* name() const override { return "memory"; }

private:
    Turn committed_ = 0;
};

}  // namespace broker
