// The client's link: connecting, carrying frames, telling the oracle what the program was told.
#include "simulation/client.hpp"

#include <algorithm>

#include "simulation/world.hpp"
#include "wire/bytes.hpp"
#include "wire/messages.hpp"

namespace sim {

using cast::ErrorCode;
using cast::Notice;
using namespace cast::detail;

namespace {

/// Nobody else's, and the same in every run.
std::string secret_of(std::uint64_t session) {
    std::string secret(cast::wire::kSecret, 's');
    cast::wire::store(secret.data(), session);
    return secret;
}

}  // namespace

Client::Client(World& world, int index, std::uint64_t session, std::int64_t start_us)
    : world_(world),
      index_(index),
      session_(std::make_unique<Session>(session, Introduction{"client" + std::to_string(index), secret_of(session)})),
      old_(session % 8 == 1),
      reconnect_us_(start_us) {}

std::int64_t Client::due() const {
    if (!alive()) return kNever;
    std::int64_t due = std::min({tick_us_, wire_ == nullptr ? reconnect_us_ : kNever, publications_.due()});
    if (wire_ != nullptr) due = std::min({due, wire_->down.due(), wire_->client_sees_us});
    for (const auto& reader : readers_)
        if (!reader->record.gone && (reader->item || reader->node->inbox.items > 0))
            due = std::min(due, reader->free_us);
    return std::max(due, stalled_us_);
}

void Client::wake() {
    if (wire_ != nullptr && wire_->client_sees_us <= world_.now()) lose();
    if (wire_ == nullptr && reconnect_us_ <= world_.now()) connect();
    receive();
    for (const auto& reader : readers_)
        if (!reader->record.gone) read(*reader);
    tick();
    answer_watches();
}

void Client::tick() {
    tick_us_ = session_->tick(world_.now(), out_);
    if (out_.reconnect) {
        carry_out();
        tick_us_ = session_->tick(world_.now(), out_);
    }
    require(tick_us_ > world_.now(), "the client's next deadline does not lie ahead");
    carry_out();
}

void Client::connect() {
    wire_ = world_.network().open(index_);
    world_.trace("client %d connects as wire %llu", index_, ull(wire_->id));
    if (!world_.daemon().up()) {
        wire_->dead_up = wire_->dead_down = true;
        wire_->client_sees_us = world_.now() + world_.random().between(5, 200) * kMs;
    }
    if (old_) {  // as a client does that a broker of version 1 has answered: some are of that time
        session_->connected(world_.now(), out_);
        const std::string answer = cast::wire::encode(cast::wire::ErrorReply{ErrorCode::unsupported_version, 0, ""});
        session_->frame(cast::wire::Slice::copy(answer), world_.now(), out_);
        session_->disconnected(out_);
        out_ = {};
    }
    session_->connected(world_.now(), out_);
    carry_out();
}

void Client::lose() {
    world_.trace("client %d loses wire %llu", index_, ull(wire_->id));
    if (!heard_) world_.oracle().doubt(index_);
    session_->disconnected(out_);
    wire_->closed = true;
    wire_->broker_sees_us = std::min(wire_->broker_sees_us, world_.now() + world_.random().between(0, 50) * kMs);
    wire_ = nullptr;
    reconnect_us_ = world_.now() + (world_.healed() ? 20 : world_.random().between(1, 200)) * kMs;
    if (world_.random().one_in(3)) publications_.clear();
    out_.reconnect = false;
    carry_out();
}

void Client::receive() {
    while (wire_ != nullptr && std::min(wire_->down.due(), publications_.due()) <= world_.now()) {
        if (wire_->down.due() <= publications_.due()) {
            take_frame(wire_->down.pop().bytes);
        } else {
            Packet packet = publications_.pop();
            if (!subscriptions_.contains(packet.stream))
                continue;  // SUB lets nothing through that is not wanted any more
            session_->published(cast::wire::Slice::take(std::move(packet.bytes)), world_.now(), out_);
            carry_out();
        }
    }
    while (wire_ == nullptr && publications_.due() <= world_.now()) publications_.pop();
}

void Client::take_frame(const std::string& bytes) {
    const std::uint64_t wire = wire_->id;
    session_->frame(cast::wire::Slice::copy(bytes), world_.now(), out_);
    cast::wire::Frame frame;
    cast::wire::Attached attached;
    cast::wire::Welcome welcome;
    const bool whole = cast::wire::read_frame(bytes, frame) == ErrorCode::ok;
    if (whole && frame.verb == cast::wire::Verb::welcome && decode(frame.body, welcome, frame.version))
        heard_ = welcome.known;
    else
        heard_ = heard_ || session_->online();
    if (whole && frame.verb == cast::wire::Verb::attached && decode(frame.body, attached, frame.version))
        for (const auto& reader : readers_)
            if (!reader->record.gone && reader->record.granted == 0 &&
                reader->node->state == Attachment::State::attached)
                reader->record.granted = world_.daemon().edge().granted(wire, attached.request, reader->record.node);
    take_notices(bytes);
    carry_out();
}

void Client::take_notices(const std::string& bytes) {
    cast::wire::Frame frame;
    cast::wire::Gap gap;
    const bool is_gap = cast::wire::read_frame(bytes, frame) == ErrorCode::ok && frame.verb == cast::wire::Verb::gap &&
                        decode(frame.body, gap);
    for (const Notice& notice : out_.notices) {
        if (notice.kind == Notice::Kind::session_expired) {
            world_.oracle().unknown(index_);
            heard_ = false;  // another session goes on
        }
        if (notice.kind == Notice::Kind::gap && is_gap)
            world_.oracle().gap(world_.daemon().router(), notice.node, gap, notice.count);
    }
    out_.notices.clear();
}

void Client::carry_out() {
    for (const auto& frame : out_.frames)
        if (wire_ != nullptr) world_.network().send_up(*wire_, frame.view(), world_.now());
    out_.frames.clear();
    for (const auto& [stream, wanted] : out_.subscriptions) {
        if (wanted)
            subscriptions_[stream] = world_.now() + world_.network().travel();
        else
            subscriptions_.erase(stream);
    }
    out_.subscriptions.clear();
    if (out_.renew_subscriptions) {
        world_.trace("client %d renews its subscriptions", index_);
        stalled_ = false;
        for (auto& [stream, from] : subscriptions_) from = world_.now() + world_.network().travel();
    }
    out_.renew_subscriptions = false;
    for (const auto& r : out_.refusals) {
        world_.trace("client %d is refused %zu messages to '%s': %s", index_, r.messages, r.target.c_str(),
                     cast::error_name(r.code));
        world_.oracle().refused(index_, r.code, r.target, r.messages);
    }
    out_.refusals.clear();
    out_.notices.clear();
    if (out_.reconnect && wire_ != nullptr) lose();
    out_.reconnect = false;
}

void Client::published(std::uint64_t stream, std::string_view bytes) {
    const auto at = subscriptions_.find(stream);
    if (!alive() || stalled_ || at == subscriptions_.end() || at->second > world_.now()) return;
    if (!world_.healed() && world_.random().percent(world_.settings().drop_publish)) return;
    publications_.push(world_.now() + world_.network().travel(), bytes, stream);
}

void Client::cut(int how) {
    if (wire_ == nullptr) return;
    Random& random = world_.random();
    world_.trace("wire %llu is cut, kind %d", ull(wire_->id), how);
    wire_->dead_up = wire_->dead_down = true;
    wire_->down.keep(random.below(wire_->down.size() + 1));
    wire_->up.keep(random.below(wire_->up.size() + 1));
    if (random.one_in(3)) wire_->up.delay(random.between(1, 400) * kMs);
    if (how != 1)
        wire_->client_sees_us = world_.now() + random.between(0, 100) * kMs;  // 1: half-open, found by silence
    if (how != 2) wire_->broker_sees_us = world_.now() + random.between(0, 300) * kMs;  // 2: the broker is told nothing
}

void Client::bye() {
    world_.trace("client %d says BYE", index_);
    session_->bye(world_.now(), out_);
    carry_out();
    vanish();
}

void Client::vanish() {
    world_.trace("client %d is gone", index_);
    if (wire_ != nullptr) {
        wire_->closed = true;
        if (world_.random().one_in(2)) wire_->broker_sees_us = world_.now() + world_.random().between(0, 500) * kMs;
    }
    wire_ = nullptr;
    for (const auto& reader : readers_) {
        reader->record.gone = true;
        reader->item.reset();
    }
    session_.reset();
}

}  // namespace sim
