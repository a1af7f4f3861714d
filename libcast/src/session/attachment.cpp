// The session's nodes: attaching, joining, losing them; and management calls. Pure; under the link's lock.
#include <algorithm>

#include "src/session/session.hpp"
#include "wire/messages.hpp"

namespace cast::detail {

std::shared_ptr<Attachment> Session::find(std::string_view name) {
    const auto at = nodes_.find(name);
    return at == nodes_.end() ? nullptr : at->second;
}

std::shared_ptr<Attachment> Session::make(const std::string& name, bool receives, bool take_over, std::size_t window) {
    if (const auto held = find(name); held != nullptr && held->state != Attachment::State::failed) return nullptr;
    auto node = std::make_shared<Attachment>();
    node->inbox.name = name;
    node->inbox.window = window == 0 ? reader_window_ : std::min(window, reader_window_);
    node->receives = receives;
    node->take_over = take_over;
    outbound_.found(name);
    nodes_[name] = node;
    return node;
}

void Session::replace(std::string_view name, std::int64_t now_us, ClientOutbox& out) {
    const auto held = find(name);
    if (held == nullptr || held->state == Attachment::State::failed) return;
    inbound_.tick(now_us, true, out);  // what it has acknowledged is not given out again
    lose(*held, ErrorCode::taken_over, out);
}

std::shared_ptr<Attachment> Session::attach(const std::string& name, bool receives, bool take_over, std::size_t window,
                                            ClientOutbox& out) {
    auto node = make(name, receives, take_over, window);
    if (node != nullptr) attach_many({node}, out);
    return node;
}

void Session::attach_many(const std::vector<std::shared_ptr<Attachment>>& nodes, ClientOutbox& out) {
    if (!may_speak()) return;  // goes out with the welcome
    for (std::size_t i = 0; i < nodes.size(); i += wire::kAttachMax) {
        wire::Attach attach;
        attach.request = ++requests_;
        for (std::size_t k = i; k < std::min(nodes.size(), i + wire::kAttachMax); ++k) {
            Attachment& node = *nodes[k];
            node.request = attach.request;
            const int flags = (node.receives ? wire::kReceive : 0) | (node.take_over ? wire::kTakeOver : 0);
            attach.nodes.push_back({static_cast<std::uint8_t>(flags), node.inbox.name, {}});
        }
        out.send(wire::encode(attach));
    }
}

void Session::say_attach(ClientOutbox& out) {
    wire::Attach attach;
    attach.request = ++requests_;
    std::size_t positions = 0;
    auto send = [&] {
        if (attach.nodes.empty()) return;
        out.send(wire::encode(attach));
        attach.nodes.clear();
        attach.request = ++requests_;
        positions = 0;
    };
    for (const auto& [name, node] : nodes_) {
        if (node->state == Attachment::State::failed) continue;
        int flags = node->receives ? wire::kReceive : 0;
        if (!node->inbox.earlier.empty())
            flags |= node->inbox.epochs_ago == 1 ? wire::kAgain | wire::kEarlier : wire::kBefore;
        else if (node->was_attached)
            flags |= node->epoch == next_epoch_ ? wire::kAgain : 0;
        else if (node->take_over)
            flags |= wire::kTakeOver;
        std::vector<wire::Position> stands = inbound_.positions(node->inbox);
        // Without one for a stream its reader gets once more what it has not acknowledged there, and knows it.
        if (stands.size() > wire::kAttachPositions) stands.resize(wire::kAttachPositions);
        if (positions + stands.size() > wire::kAttachPositions) send();
        positions += stands.size();
        node->request = attach.request;
        attach.nodes.push_back({static_cast<std::uint8_t>(flags), name, std::move(stands)});
        if (attach.nodes.size() == wire::kAttachMax) send();
    }
    send();
}

void Session::attached(const wire::Attached& m, ClientOutbox& out) {
    for (const wire::AttachedNode& answer : m.nodes) {
        const auto node = find(answer.name);
        if (node == nullptr || node->request != m.request || node->state == Attachment::State::failed) continue;
        if (answer.code != ErrorCode::ok) {
            node->state = Attachment::State::failed;
            node->code = answer.code;
            if (node->was_attached)
                lose(*node, answer.code == ErrorCode::name_in_use ? ErrorCode::taken_over : answer.code, out);
            continue;
        }
        node->state = Attachment::State::attached;
        node->was_attached = true;
        node->epoch = next_epoch_;
        if (!node->receives) continue;
        inbound_.opened(node->inbox, answer.streams, out);
        rejoin(*node, answer.streams, out);
        for (const wire::StreamInfo& info : answer.streams)
            if (info.kind == wire::kGroupStream) node->groups.emplace(info.group);
    }
}

/// The broker began anew, or the node vanished while we were away: it joins its groups again.
void Session::rejoin(const Attachment& node, const std::vector<wire::StreamInfo>& streams, ClientOutbox& out) {
    for (const std::string& group : node.groups) {
        if (std::any_of(streams.begin(), streams.end(), [&](const auto& info) { return info.group == group; }))
            continue;
        call(R"({"op":"group.join","group":")" + group + R"(","nodes":[")" + node.inbox.name + R"("]})", true, out);
    }
}

void Session::detached(const wire::Detached& m, ClientOutbox& out) {
    const auto node = find(m.name);
    if (node == nullptr || m.code == ErrorCode::ok || node->state != Attachment::State::attached)
        return;  // of an earlier hold
    lose(*node, m.code, out);
}

/// It is ours no more: its calls say so, and whoever has callbacks is told.
void Session::lose(Attachment& node, ErrorCode why, ClientOutbox& out) {
    node.state = Attachment::State::failed;
    node.code = why;
    node.inbox.end(why);
    outbound_.lost(node.inbox.name, why);
    inbound_.close_all(node.inbox, out);
    Notice notice{Notice::Kind::closed, node.inbox.name, 0,
                  std::string("the node cannot be attached again: ") + error_hint(why)};
    if (why == ErrorCode::deleted) notice = {Notice::Kind::deleted, node.inbox.name, 0, "the node was deleted"};
    if (why == ErrorCode::taken_over)
        notice = {Notice::Kind::taken_over, node.inbox.name, 0, "another reader receives as this node from now on"};
    out.notices.push_back(std::move(notice));
}

void Session::membership(const wire::Membership& m, ClientOutbox& out) {
    const auto node = find(m.node);
    if (node == nullptr || !node->receives || node->state != Attachment::State::attached) return;
    if (m.joined) {
        if (m.stream.kind == wire::kGroupStream) node->groups.emplace(m.stream.group);
        inbound_.open(node->inbox, m.stream, out);
    } else {
        node->groups.erase(std::string(m.stream.group));
        inbound_.leave(node->inbox, m.stream.stream, out);
    }
}

void Session::detach(const std::shared_ptr<Attachment>& node, std::int64_t now_us, ClientOutbox& out) {
    const auto at = nodes_.find(node->inbox.name);
    if (at == nodes_.end() || at->second != node) return;
    inbound_.tick(now_us, true, out);
    if (may_speak() && node->state != Attachment::State::failed)
        out.send(wire::encode(wire::Detach{{node->inbox.name}}));
    if (node->inbox.closed == ErrorCode::ok) node->inbox.end(ErrorCode::closed);
    outbound_.found(node->inbox.name);
    if (node->receives) inbound_.close_all(node->inbox, out);
    nodes_.erase(at);
}

std::uint32_t Session::call(std::string json, bool silent, ClientOutbox& out) {
    const std::uint32_t request = ++requests_;
    Call& call = calls_[request];
    call.json = std::move(json);
    call.silent = silent;
    if (may_speak()) out.send(wire::encode(wire::Control{request, call.json}));
    return request;
}

Call* Session::answered(std::uint32_t request) {
    const auto at = calls_.find(request);
    return at != calls_.end() && at->second.answered ? &at->second : nullptr;
}

}  // namespace cast::detail
