// Keeping what was acknowledged, and letting it go. Pure; broker's thread.
#include "core/history.hpp"

#include "core/directory.hpp"

namespace broker {

namespace {

constexpr int kHistoryDropsAtOnce = 256;

/// The oldest batch is one too many.
bool beyond(const NodeHistory& history, const Config& config) {
    return config.history_messages == 0 || history.messages - history.batches.front().count >= config.history_messages;
}

}  // namespace

void History::keep(Node& node, cast::wire::Slice&& frame, std::uint32_t count, const Config& config) {
    if (frame.size() > config.history_bytes) return;
    if (node.history == nullptr) {
        node.history = std::make_unique<NodeHistory>();
        node.history->place = nodes_.insert(nodes_.end(), &node);
    } else if (nodes_.back() != &node) {
        if (shrinking_ == node.history->place) ++shrinking_;
        nodes_.splice(nodes_.end(), nodes_, node.history->place);
    }
    NodeHistory& history = *node.history;
    bytes_ += frame.size();
    history.messages += count;
    history.batches.push_back({std::move(frame), node.acknowledged, count});
    int most = kHistoryDropsAtOnce;  // the limits may have been larger
    while (beyond(history, config) && --most > 0) drop_oldest(node);
    while (bytes_ > config.history_bytes && --most > 0) drop_oldest(*nodes_.front());
}

bool History::trim(const Config& config, int most) {
    while (bytes_ > config.history_bytes && --most > 0) drop_oldest(*nodes_.front());
    while (shrinking_ != nodes_.end() && --most > 0) {
        Node& node = **shrinking_;
        if (beyond(*node.history, config))
            drop_oldest(node);
        else
            ++shrinking_;
    }
    return shrinking_ != nodes_.end() || bytes_ > config.history_bytes;
}

void History::drop_oldest(Node& node) {
    NodeHistory& history = *node.history;
    bytes_ -= history.batches.front().frame.size();
    history.messages -= history.batches.front().count;
    history.batches.pop_front();
    if (!history.batches.empty()) return;
    if (shrinking_ == history.place) ++shrinking_;
    nodes_.erase(history.place);
    node.history.reset();
}

void History::forget(Node& node) {
    while (node.history != nullptr) drop_oldest(node);
}

}  // namespace broker
