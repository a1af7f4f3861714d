// Store: where a turn's promises are kept. The core counts turns; a receipt leaves only once the store says
// that the turn which accepted the batch is committed. Called on the broker's thread only.
#pragma once
#include <cstdint>

namespace broker {

using Turn = std::uint64_t;

class Store {
public:
    virtual ~Store() = default;
    /// Everything that was accepted in this turn is to be kept; turns come in order, without holes.
    virtual void commit(Turn turn) = 0;
    /// The last turn that is kept for good.
    virtual Turn committed() const = 0;
    /// False while it cannot take anything: new batches are then refused with store_failed.
    virtual bool healthy() const = 0;
    /// Its name for status: "memory".
    virtual const char* name() const = 0;
};

}  // namespace broker
