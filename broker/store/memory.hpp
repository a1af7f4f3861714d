// MemoryStore: the store of a broker that keeps everything in memory: what the core holds is kept, and is gone
// with the process. A turn is committed as soon as it is told. Broker's thread.
#pragma once
#include "core/store.hpp"

namespace broker {

class MemoryStore final : public Store {
public:
    void commit(Turn turn) override { committed_ = turn; }
    Turn committed() const override { return committed_; }
    bool healthy() const override { return true; }
    const char* name() const override { return "memory"; }

private:
    Turn committed_ = 0;
};

}  // namespace broker
