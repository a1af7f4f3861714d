// Positions: where a reader says it stands, found by stream. A node may read ten thousand of them, and its ATTACH may
// name as many. Plain values; broker's thread.
#pragma once
#include <algorithm>
#include <vector>

#include "core/types.hpp"
#include "wire/messages.hpp"

namespace broker {

class Positions {
public:
    Positions() = default;
    /// Of several for one stream the last one counts.
    explicit Positions(std::vector<cast::wire::Position> positions) : all_(std::move(positions)) {
        std::stable_sort(all_.begin(), all_.end(), [](const auto& a, const auto& b) { return a.stream < b.stream; });
    }
    /// Null: it says nothing of this one.
    const cast::wire::Position* of(StreamId stream) const {
        const auto after =
            std::upper_bound(all_.begin(), all_.end(), stream, [](StreamId s, const auto& p) { return s < p.stream; });
        return after != all_.begin() && std::prev(after)->stream == stream ? &*std::prev(after) : nullptr;
    }

private:
    std::vector<cast::wire::Position> all_;
};

}  // namespace broker
