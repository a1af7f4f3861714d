// PersistedWatermark: how far things were numbered when the last transaction was collected, or when the store was read
// at the start. The store has none with a higher number. Plain values.
#pragma once
#include <cstdint>

#include "core/transaction.hpp"
#include "core/types.hpp"

namespace broker {

struct PersistedWatermark {
    Turn turn = 0;
    StreamId next_stream = 0;
    std::uint64_t nodes = 0;
    std::uint64_t lives = 0;  ///< of sessions
};

}  // namespace broker
