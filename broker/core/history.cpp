// Keeping what was acknowledged, and letting it go. Pure; broker's thread.
#include "core/history.hpp"

#include "core/directory.hpp"

namespace broker {

void History::keep(Node& node, cast::wire::Slice&& frame, std::uint32_t count, const Config& config) {
    if (frame.size() > config.history_bytes) return;
    if (node.history == nullptr) {
        node.history = std::make_unique<NodeHistory>();
        node.history->place = nodes_.insert(nodes_.end(), &node);
    } else if (nodes_.back() != &node) {
        nodes_.splice(nodes_.end(), nodes_, node.history->place);
    }
    NodeHistory& history = *node.history;
    bytes_ += frame.size();
    history.messages += count;
    history.batches.push_back({std::move(frame), node.acknowledged, count});
    while (history.messages - history.batches.front().count >= config.history_messages) drop_oldest(node);
    while (bytes_ > config.history_bytes) drop_oldest(*nodes_.front());
}

void History::drop_oldest(Node& node) {
    NodeHistory& history = *node.history;
    bytes_ -= history.batches.front().frame.size();
    history.messages -= history.batches.front().count;
    history.batches.pop_front();
    if (!history.batches.empty()) return;
    nodes_.erase(history.place);
    node.history.reset();
}

void History::forget(Node& node) {
    while (node.history != nullptr) drop_oldest(node);
}

}  // namespace broker
