// Making, finding and removing nodes, lanes and groups. Pure; broker's thread.
#include "core/directory.hpp"

#include <algorithm>

#include "wire/names.hpp"

namespace broker {

namespace {

std::vector<Membership>::iterator place_of(std::vector<Membership>& memberships, StreamId id) {
    return std::lower_bound(memberships.begin(), memberships.end(), id,
                            [](const Membership& m, StreamId stream) { return m.group->stream.id() < stream; });
}

}  // namespace

bool ByLoss::operator()(const Node* a, const Node* b) const {
    return a->lost_us != b->lost_us ? a->lost_us < b->lost_us : a->id < b->id;
}
bool ByAge::operator()(const Node* a, const Node* b) const { return a->id < b->id; }

Membership* Node::membership(const Group& group) {
    const auto at = place_of(memberships, group.stream.id());
    return at != memberships.end() && at->group == &group ? &*at : nullptr;
}

Membership& Node::add_membership(const Membership& membership) {
    return *memberships.insert(place_of(memberships, membership.group->stream.id()), membership);
}

Directory::Directory(UsageTotals& totals, StreamId first_stream, StreamId broadcast)
    : totals_(totals), next_stream_(first_stream) {
    broadcast_ = std::make_unique<Group>(broadcast != 0 ? broadcast : next_stream_++, totals_);
    broadcast_->created = true;
    owners_[broadcast_->stream.id()].group = broadcast_.get();
}

Node* Directory::node(std::string_view name) { return nodes_.find(name); }

Group* Directory::group(std::string_view name) { return groups_.find(name); }

StreamOwner Directory::owner(StreamId id) const {
    const auto at = owners_.find(id);
    return at == owners_.end() ? StreamOwner{} : at->second;
}

bool Directory::watched() {
    const Group* events = group(cast::wire::kEventsGroup);
    return events != nullptr && events->member_count > 0;
}

Node& Directory::add_node(std::string_view name, bool hidden) {
    auto fresh = std::make_unique<Node>();
    fresh->id = next_node_++;
    fresh->name = name;
    fresh->hidden = hidden;
    return nodes_.add(std::move(fresh), !hidden);
}

void Directory::remove_node(Node& node) {
    for (const auto& lane : node.lanes)
        owners_.erase(lane->stream.id());  // those that are reaped are no longer its own
    set_connection(node, nullptr);
    set_created(node, false);
    set_port(node, 0);
    (void)nodes_.take(node, !node.hidden);
}

Node* Directory::holder_of_port(int port) const {
    const auto at = ports_.find(port);
    return at == ports_.end() ? nullptr : at->second;
}

void Directory::set_port(Node& node, int port) {
    if (node.port != 0) ports_.erase(node.port);
    node.port = port;
    if (port != 0) ports_[port] = &node;
}

void Directory::set_connection(Node& node, Connection* connection) {
    if (!node.hidden) attached_ += std::size_t{connection != nullptr} - std::size_t{node.connection != nullptr};
    node.connection = connection;
}

void Directory::set_created(Node& node, bool created) {
    if (!node.hidden) created_ += std::size_t{created} - std::size_t{node.created};
    node.created = created;
}

Lane& Directory::lane(Node& node, int priority, std::int64_t backpressure_us, StreamId id) {
    for (const auto& lane : node.lanes)
        if (lane->priority == priority) return *lane;
    auto fresh = std::make_unique<Lane>(id != 0 ? id : next_stream_++, totals_, node);
    fresh->priority = priority;
    fresh->backpressure.budget_us = backpressure_us;
    if (owners_.size() == kFew) owners_.reserve(kMany);
    owners_[fresh->stream.id()].lane = fresh.get();
    const auto at =
        std::find_if(node.lanes.begin(), node.lanes.end(), [&](const auto& l) { return l->priority < priority; });
    return **node.lanes.insert(at, std::move(fresh));
}

std::unique_ptr<Lane> Directory::replace(Lane& lane, std::int64_t backpressure_us) {
    Node& node = *lane.node;
    const int priority = lane.priority;
    const auto at = std::find_if(node.lanes.begin(), node.lanes.end(), [&](const auto& l) { return l.get() == &lane; });
    std::unique_ptr<Lane> old = std::move(*at);
    node.lanes.erase(at);
    owners_.erase(old->stream.id());
    this->lane(node, priority, backpressure_us);
    return old;
}

Group& Directory::add_group(std::string_view name, StreamId id) {
    auto fresh = std::make_unique<Group>(id != 0 ? id : next_stream_++, totals_);
    fresh->name = name;
    owners_[fresh->stream.id()].group = fresh.get();
    return groups_.add(std::move(fresh), true);
}

std::unique_ptr<Group> Directory::take_group(Group& group) {
    owners_.erase(group.stream.id());
    return groups_.take(group, true);
}

}  // namespace broker
