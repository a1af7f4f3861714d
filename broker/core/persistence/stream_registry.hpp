// StreamRegistry: what a stream id stands for. The only place that decides it. Broker's thread.
#pragma once
#include <type_traits>
#include <utility>
#include <variant>

#include "core/persistence/stored_kinds.hpp"

namespace broker {

/// The stream of an id; false when there is none any more. It is not to be kept: the next call may end it.
class FoundStream {
public:
    FoundStream() = default;
    template <class Kind, class... Args>
    explicit FoundStream(std::in_place_type_t<Kind> kind, Args&&... args) : kind_(kind, std::forward<Args>(args)...) {}
    explicit operator bool() const { return kind_.index() != 0; }
    StoredStream* operator->() {
        return std::visit(
            [](auto& kind) -> StoredStream* {
                if constexpr (std::is_same_v<std::decay_t<decltype(kind)>, std::monostate>)
                    return nullptr;
                else
                    return &kind;
            },
            kind_);
    }

private:
    std::variant<std::monostate, StoredLane, StoredOrphan, StoredGroup, StoredLetter, StoredSchedule> kind_;
};

class StreamRegistry {
public:
    explicit StreamRegistry(const StreamParts& parts) : parts_(parts) {}

    FoundStream find(StreamId id) const {
        const StreamOwner owner = parts_.state.directory.owner(id);
        if (owner.lane != nullptr) return FoundStream(std::in_place_type<StoredLane>, parts_, *owner.lane);
        if (owner.group != nullptr) return FoundStream(std::in_place_type<StoredGroup>, parts_, *owner.group);
        const auto orphan = parts_.state.orphaned_lanes.find(id);
        if (orphan != parts_.state.orphaned_lanes.end())
            return FoundStream(std::in_place_type<StoredOrphan>, parts_, orphan->second);
        if (parts_.dead.knows(id)) return FoundStream(std::in_place_type<StoredLetter>, parts_, id);
        if (parts_.scheduled.is(id)) return FoundStream(std::in_place_type<StoredSchedule>, parts_);
        return {};
    }

private:
    StreamParts parts_;
};

}  // namespace broker
