// The session's handshake and its dispatch of frames. Pure; under the link's lock.
#include "src/session/session.hpp"

#include <algorithm>

#include "src/session/session_time.hpp"
#include "wire/messages.hpp"
#include "wire/names.hpp"

namespace cast::detail {
namespace {

std::uint64_t another_id(std::uint64_t id) {  // splitmix64; the ids of one client need only differ
    id += 0x9E3779B97F4A7C15u;
    id = (id ^ (id >> 30)) * 0xBF58476D1CE4E5B9u;
    id = (id ^ (id >> 27)) * 0x94D049BB133111EBu;
    id ^= id >> 31;
    return id == 0 ? 1 : id;
}

}  // namespace

Session::Session(std::uint64_t id, Introduction introduction)
    : id_(id), handshake_(std::move(introduction)), outbound_(id) {}

std::string Session::reply_name() const { return wire::reply_name(id_); }

void Session::connected(std::int64_t now_us, ClientOutbox& out) {
    phase_ = Phase::greeting;
    keepalive_.heard(now_us);
    out.send(handshake_.hello(id_, outbound_.seen(), now_us));
    // A session that has said nothing yet cannot be misunderstood: it need not wait for the WELCOME.
    pipelined_ = handshake_.first();
    if (!pipelined_) return;
    say_attach(out);
    say_calls(out);
    outbound_.online(out);
}

void Session::say_calls(ClientOutbox& out) {
    for (auto& [request, call] : calls_)
        if (!call.answered) out.send(wire::encode(wire::Control{request, call.json}));
}

void Session::disconnected(ClientOutbox& out) {
    if (phase_ == Phase::online)
        out.notices.push_back(
            {Notice::Kind::disconnected, {}, 0, "the connection to the broker is gone; trying again"});
    handshake_.disconnected(phase_ == Phase::online);
    phase_ = Phase::offline;
    overdue_ = ErrorCode::ok;
    parting_ = 0;  // its PONG went with the connection
    outbound_.offline();
    inbound_.offline();
}

void Session::frame(const wire::Slice& bytes, std::int64_t now_us, ClientOutbox& out) {
    wire::Frame frame;
    if (wire::read_frame(bytes.view(), frame) != ErrorCode::ok) return;
    keepalive_.heard(now_us);
    if (frame.verb == wire::Verb::welcome) {
        wire::Welcome m;
        if (phase_ != Phase::greeting || !wire::decode(frame.body, m, frame.version)) return;
        if (m.unknown.critical != 0) return refused(handshake_.reject(ErrorCode::unsupported_version), out);
        return welcome(m, now_us, out);
    }
    if (frame.verb == wire::Verb::error) {
        wire::ErrorReply m;
        if (wire::decode(frame.body, m, frame.version)) error(m, out);
        return;
    }
    if (phase_ != Phase::online) return;
    online_us_ = now_us;
    dispatch(frame, bytes, now_us, out);
}

void Session::dispatch(const wire::Frame& frame, const wire::Slice& bytes, std::int64_t now_us, ClientOutbox& out) {
    auto with = [&](auto message, auto&& use) {
        if (wire::decode(frame.body, message)) use(message);
    };
    store_ = next_store_;
    epoch_ = next_epoch_;
    switch (frame.verb) {
        case wire::Verb::deliver:
            if ((frame.flags & wire::kHasAux) != 0) outbound_.receipt_low(frame.aux, now_us, out);
            inbound_.deliver(bytes.part(wire::kFrameHeader, frame.body.size()), now_us, out);
            break;
        case wire::Verb::receipt: receipt(frame.body, now_us, out); break;
        case wire::Verb::attached: {
            wire::Attached m;
            if (wire::decode(frame.body, m, frame.version) && m.unknown.critical == 0) attached(m, out);
            break;
        }
        case wire::Verb::detached: with(wire::Detached{}, [&](const auto& m) { detached(m, out); }); break;
        case wire::Verb::membership: with(wire::Membership{}, [&](const auto& m) { membership(m, out); }); break;
        case wire::Verb::limits: with(wire::Limits{}, [&](const auto& m) { limits(m); }); break;
        case wire::Verb::gap: with(wire::Gap{}, [&](const auto& m) { inbound_.gap(m, now_us, out); }); break;
        case wire::Verb::fetched:
            with(wire::Fetched{}, [&](const auto& m) { inbound_.fetched(m, now_us, out); });
            break;
        case wire::Verb::tail: with(wire::Tail{}, [&](const auto& m) { inbound_.tail(m, out); }); break;
        case wire::Verb::ping:
            with(wire::Ping{}, [&](const auto& m) { out.send(wire::encode_ping(wire::Verb::pong, m)); });
            break;
        case wire::Verb::bye: out.reconnect = true; break;
        case wire::Verb::control_reply:
            with(wire::ControlReply{}, [&](const auto& m) {
                const auto at = calls_.find(m.request);
                if (at == calls_.end()) return;
                if (at->second.silent) return void(calls_.erase(at));
                at->second.answered = true;
                at->second.code = m.code;
                at->second.answer = m.json;
            });
            break;
        case wire::Verb::pong:
            with(wire::Ping{}, [&](const auto& m) {
                if (m.token == parting_) parting_ = 0;
            });
            break;
        default: break;  // what a newer broker may say
    }
}

void Session::receipt(std::string_view body, std::int64_t now_us, ClientOutbox& out) {
    wire::Receipt m;
    if (!wire::decode(body, m)) return;
    outbound_.receipt(m.through, m.refused, now_us, out);
    outbound_.delivered(m.delivered);
}

void Session::published(const wire::Slice& bytes, std::int64_t now_us, ClientOutbox& out) {
    wire::Frame frame;
    if (wire::read_frame(bytes.view(), frame) != ErrorCode::ok || frame.verb != wire::Verb::deliver) return;
    if (phase_ == Phase::online) inbound_.published(bytes.part(wire::kFrameHeader, frame.body.size()), now_us, out);
}

void Session::limits(const wire::Limits& m) {
    max_message_.store(m.max_message, std::memory_order_relaxed);
    reader_window_ = m.reader_window;
    keepalive_.interval(std::int64_t{m.ping_ms} * kMillisecond);
    outbound_.window(m.window_bytes, m.window_batches);
    inbound_.window(m.reader_window);
}

void Session::welcome(const wire::Welcome& m, std::int64_t now_us, ClientOutbox& out) {
    if (!handshake_.welcomed(m.store, m.epoch, out)) return;
    if (!m.known && welcomed_ && m.store == store_) {
        // It went down before it had kept anything of us; or we were away for too long, and what became of the
        // unreceipted is unknown.
        const bool unkept = m.epoch > epoch_ && outbound_.seen() == 0 &&
                            now_us - online_us_ < std::int64_t(m.session_ms) * kMillisecond;
        if (!unkept)
            return begin_anew(ErrorCode::session_expired,
                              "away for too long; whether the last messages arrived is unknown", out);
    }
    const bool restarted = welcomed_ && m.epoch != next_epoch_;
    const std::uint64_t by = restarted && m.store == next_store_ && m.epoch > next_epoch_ ? m.epoch - next_epoch_ : 0;
    const bool forgotten = welcomed_ && !m.known;
    phase_ = Phase::online;
    welcomed_ = true;
    next_epoch_ = m.epoch;
    next_store_ = m.store;
    if (m.known) {
        store_ = m.store;
        epoch_ = m.epoch;
    }
    online_us_ = now_us;
    limits(m);
    broker_version_ = m.version;
    publish_endpoints_.assign(m.publish.begin(), m.publish.end());
    if (restarted || forgotten) inbound_.new_epoch(by, out);
    inbound_.epoch(m.epoch);
    if (forgotten) outbound_.forgotten();
    if (!pipelined_) {
        say_attach(out);
        say_calls(out);
        for (const auto& [name, node] : nodes_)  // the groups are to be there before what is sent to them
            if (forgotten && node->state != Attachment::State::failed) rejoin(*node, {}, out);
    }
    outbound_.receipt(m.through, m.refused, now_us, out);
    if (restarted) outbound_.restarted();
    if (!pipelined_) outbound_.online(out);
    inbound_.online();
    out.notices.push_back({Notice::Kind::connected, {}, 0, "connected to broker " + broker_version_});
}

/// Another session goes on; whatever had no outcome gets this one.
void Session::begin_anew(ErrorCode outcome, const char* why, ClientOutbox& out) {
    id_ = another_id(id_);
    handshake_.begin_anew();
    welcomed_ = false;
    outbound_.restart(id_, outcome, out);
    inbound_.new_epoch(0, out);
    out.notices.push_back({Notice::Kind::session_expired, {}, 0, why});
    out.reconnect = true;
}

void Session::refused(Handshake::Next next, ClientOutbox& out) {
    out.reconnect = true;
    out.redial = next == Handshake::Next::redial;
    if (next == Handshake::Next::anew)
        begin_anew(ErrorCode::session_expired, "away for too long; the session is another program's now", out);
}

void Session::error(const wire::ErrorReply& m, ClientOutbox& out) {
    if (phase_ == Phase::offline) return;
    const bool about_hello = m.verb == static_cast<std::uint8_t>(wire::Verb::hello) || m.verb == 0;
    if (phase_ == Phase::greeting && about_hello) return refused(handshake_.refused(m), out);
    switch (m.code) {
        case ErrorCode::malformed:  // sent again it would be as unreadable as before
            if (m.verb == static_cast<std::uint8_t>(wire::Verb::cast))
                begin_anew(m.code, "the broker could not read what was sent", out);
            break;
        case ErrorCode::hello_first:
        case ErrorCode::out_of_order:
        case ErrorCode::forbidden: out.reconnect = true; break;
        case ErrorCode::not_leader:
        case ErrorCode::too_many:
        case ErrorCode::unauthorized: refused(handshake_.refused(m), out); break;
        case ErrorCode::unsupported_version: refused(handshake_.reject(m.code), out); break;
        case ErrorCode::store_failed:
            overdue_ = m.code;
            overdue_at_ = outbound_.seen();
            break;
        default: break;
    }
}

std::int64_t Session::tick(std::int64_t now_us, ClientOutbox& out) {
    std::int64_t next = outbound_.tick(now_us, out);
    if (phase_ == Phase::offline) return next;
    if (phase_ == Phase::greeting) {
        if (now_us >= handshake_.due_us()) out.reconnect = true;
        return std::min(next, handshake_.due_us());
    }
    next = std::min(next, inbound_.tick(now_us, false, out));
    const Keepalive::Next action = keepalive_.tick(now_us, next);
    if (action == Keepalive::Next::give_up) out.reconnect = true;
    if (action == Keepalive::Next::ask)
        out.send(wire::encode_ping(wire::Verb::ping, {static_cast<std::uint64_t>(now_us)}));
    return next;
}

void Session::hurry(std::int64_t now_us, ClientOutbox& out) {
    if (phase_ != Phase::offline && outbound_.unasked())
        out.send(wire::encode_ping(wire::Verb::ping, {static_cast<std::uint64_t>(now_us)}));
}

void Session::part(std::int64_t now_us, ClientOutbox& out) {
    inbound_.tick(now_us, true, out);
    if (!online() || !inbound_.acknowledged()) return;
    // The broker takes the frames of one connection in order, but not those of several: without this, a program that is
    // started after us could be told of messages that we have acknowledged.
    parting_ = ~static_cast<std::uint64_t>(now_us);  // no other PING's
    out.send(wire::encode_ping(wire::Verb::ping, {parting_}));
}

void Session::bye(std::int64_t now_us, ClientOutbox& out) {
    inbound_.tick(now_us, true, out);
    if (phase_ != Phase::offline) out.send(wire::encode_bye());
}

void Session::end(std::int64_t now_us, ClientOutbox& out) {
    outbound_.push(out);
    bye(now_us, out);
    outbound_.end();
    outbound_.offline();
    inbound_.offline();
    phase_ = Phase::offline;
    for (const auto& [name, node] : nodes_)
        if (node->inbox.closed == ErrorCode::ok) node->inbox.end(ErrorCode::closed);
}

}  // namespace cast::detail
