// The client's program: what it sends, and how it handles what it receives.
#include <algorithm>

#include "simulation/client.hpp"
#include "simulation/world.hpp"
#include "wire/record.hpp"

namespace sim {

using cast::ErrorCode;
using namespace cast::detail;

bool Client::receives(const std::string& name) const {
    return std::any_of(readers_.begin(), readers_.end(), [&](const auto& r) {
        return !r->record.gone && r->record.node == name && r->node->state != Attachment::State::failed;
    });
}

bool Client::sends_as(const std::string& name) const {
    const auto node = session_->find(name);
    return node != nullptr && node->state != Attachment::State::failed;
}

void Client::attach(const std::string& name, bool receives, bool take_over) {
    auto node = session_->attach(name, receives, take_over, 0, out_);
    if (node != nullptr && receives) {
        world_.trace("client %d attaches %s%s", index_, name.c_str(), take_over ? " (takes over)" : "");
        auto reader = std::make_unique<NodeReader>();
        reader->node = node;
        reader->record.node = name;
        if (!world_.healed() && world_.random().percent(world_.settings().slow_readers))
            reader->step_us = world_.random().between(1, 40) * 500;
        world_.oracle().add_reader(&reader->record);
        readers_.push_back(std::move(reader));
    }
    carry_out();
}

void Client::detach(const std::string& name) {
    const auto node = session_->find(name);
    if (node == nullptr) return;
    world_.trace("client %d detaches %s", index_, name.c_str());
    session_->detach(node, world_.now(), out_);
    for (const auto& reader : readers_)
        if (reader->node == node) {
            reader->record.gone = true;
            reader->item.reset();
        }
    carry_out();
}

void Client::listen() {
    const std::string name = reply_name();
    if (session_->find(name) != nullptr) return;
    attach(name, true, false);
    session_->call(R"({"op":"group.join","group":"$events","nodes":[")" + name + R"("]})", true, out_);
    carry_out();
}

void Client::push() {
    session_->outbound().push(out_);
    carry_out();
}

void Client::forget() {
    answer_watches();
    if (tokens_.empty()) return;
    session_->outbound().forget(tokens_.begin()->first);
    tokens_.erase(tokens_.begin());
}

bool Client::send(OutgoingRecord record, std::size_t size) {
    if (!session_->outbound().room(record.cast, record.target, size + 64)) return false;
    if (record.token != 0) record.token = next_token_++;
    std::string payload;
    const std::uint32_t id = world_.oracle().sent(index_, record, size, payload);
    if (record.token != 0) tokens_[record.token] = id;
    world_.trace("client %d sends message %u to '%s', flow %u", index_, id, std::string(record.target).c_str(),
                 world_.oracle().message(id).flow);
    Outbound& outbound = session_->outbound();
    const bool plain = record.type == "text" && record.headers.empty() &&
                       record.priority == cast::wire::kDefaultPriority && record.flags == 0 && record.ttl_ms == 0 &&
                       record.token == 0;
    record.plain = plain;
    if (!(plain && outbound.plain().add(record.cast, record.sender, record.target, record.payload)) &&
        !outbound.add_more(record))
        outbound.add(record, out_);
    if (!out_.frames.empty()) session_->inbound().ride(world_.now(), out_);
    carry_out();
    return true;
}

void Client::answer_watches() {
    for (auto at = tokens_.begin(); at != tokens_.end();) {
        ErrorCode code = ErrorCode::ok;
        if (!session_->outbound().outcome(at->first, code)) {
            ++at;
            continue;
        }
        world_.oracle().token_answered(at->second, code);
        at = tokens_.erase(at);
    }
}

void Client::begin(NodeReader& reader) {
    reader.index = 0;
    reader.left = reader.item->batch->view.records;
}

void Client::finish(NodeReader& reader) {
    const Item item = std::move(*reader.item);
    reader.item.reset();
    item.reading->done.store(item.batch->view.last_sequence());
    session_->inbound().finished(item, world_.now(), out_);
    carry_out();
}

bool Client::read_record(NodeReader& reader) {
    const Item& item = *reader.item;
    const cast::wire::BatchHeader& h = item.batch->view.header;
    cast::wire::Reader in(reader.left);
    const auto record = reader.index < h.count ? cast::wire::read_record(in) : std::nullopt;
    if (!record) {
        if (reader.index < h.count)
            world_.oracle().malformed(world_.daemon().router(), reader.record, h,
                                      std::max(item.from, h.sequence + reader.index));
        finish(reader);
        return false;
    }
    const std::uint64_t sequence = h.sequence + reader.index++;
    reader.left = std::string_view(in.at(), in.left());
    if (sequence < item.from) return false;
    broker::Router* router = world_.daemon().router();
    const broker::Node* node = router == nullptr ? nullptr : router->state().directory.node(reader.record.node);
    reader.record.holds =
        node != nullptr && node->connection != nullptr && wire_ != nullptr && node->connection->id == wire_->id;
    world_.trace("client %d: %s handles stream %llu sequence %llu", index_, reader.record.node.c_str(), ull(h.stream),
                 ull(sequence));
    world_.oracle().handled(router, reader.record, h, sequence, record->payload,
                            item.batch->view.last_sequence() <= item.reading->redelivered);
    item.reading->done.store(sequence);
    return true;
}

void Client::read(NodeReader& reader) {
    Inbox& inbox = reader.node->inbox;
    while (reader.free_us <= world_.now()) {
        if (!reader.item) {
            Item item;
            if (!inbox.pop(item)) break;
            reader.item = std::move(item);
            begin(reader);
        }
        if (read_record(reader) && reader.step_us > 0) reader.free_us = world_.now() + reader.step_us;
    }
    if (inbox.closed != ErrorCode::ok && inbox.items == 0 && !reader.item) reader.record.gone = true;
}

void Client::hurry() {
    for (const auto& reader : readers_) {
        reader->step_us = 0;
        reader->free_us = 0;
    }
    stalled_us_ = 0;
    stalled_ = false;
}

void Client::describe() {
    world_.trace("client %d, wire %llu, %s", index_, ull((wire_ == nullptr ? 0 : wire_->id)), unrest().c_str());
    session_->for_each_node([&](const Attachment& node) {
        world_.trace("  %s: %s, %zu items, %zu bytes", node.inbox.name.c_str(),
                     node.state == Attachment::State::attached ? "attached" : cast::error_name(node.code),
                     node.inbox.items, node.inbox.bytes);
        for (const auto& r : node.inbox.readings)
            world_.trace("    reads %llu: next %llu, done %llu, %zu outstanding, tail %llu, acked %llu%s%s",
                         ull(r->stream->id), ull(r->next), ull(r->done.load()), r->outstanding, ull(r->stream->tail),
                         ull(r->stream->acked), r->stream->fetching ? ", fetching" : "",
                         !r->before.empty() ? ", waits for what was before" : "");
    });
}

std::string Client::unrest() {
    const std::string who = "client " + std::to_string(index_) + " ";
    if (!session_->online() || wire_->dead_up) return who + "is not online";
    std::string why;
    session_->for_each_node([&](const Attachment& node) {
        if (node.state == Attachment::State::wanted) why = who + "has no answer about " + node.inbox.name;
        if (node.inbox.items > 0 && node.inbox.closed == ErrorCode::ok)
            why = who + "has not read all of " + node.inbox.name;
    });
    Outbound& outbound = session_->outbound();
    if (!outbound.settled(outbound.added())) why = who + "has messages without an outcome";
    if (why.empty() && !tokens_.empty()) why = who + "waits for message " + std::to_string(tokens_.begin()->second);
    return why;
}

}  // namespace sim
