// PagedRange: a part of a stream that the store alone holds, and how large one may be. Plain values.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/types.hpp"

namespace broker {

/// A part of a stream that only the store holds.
struct PagedRange {
    Sequence first = 0;
    Sequence last = 0;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::int64_t arrival_us = 0;  ///< of its newest batch
    std::int64_t since_us = 0;    ///< arrival of its oldest
};

/// How much a paged-out range holds at most; its last batch may exceed it. It is paged in and let go as one.
struct PagedStep {
    std::size_t bytes = 64u << 10;
    std::size_t messages = std::numeric_limits<std::size_t>::max();
    std::int64_t age_us = std::numeric_limits<std::int64_t>::max();  ///< between its oldest and its newest
};

}  // namespace broker
