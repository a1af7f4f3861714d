// Frames in: sessions, dispatch, and the way of a batch into its stream. Pure; broker's thread.
#include "core/router.hpp"

#include <algorithm>

#include "core/persistence/recovery.hpp"
#include "core/session/deliver.hpp"
#include "core/session/welcome.hpp"
#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using namespace cast::wire;

namespace {

/// A frame from here on that holds one batch is adopted as it lies; smaller ones are copied out, so that they do
/// not pin the large buffers that they were received in.
constexpr std::size_t kAdopt = 8192;

constexpr std::size_t kAnswersUnread = 1u << 20;  // bytes of answers after which a peer is to show that it reads
constexpr std::size_t kAnswersMost = 16u << 20;   // and after which it is given up
constexpr std::size_t kEvictedKept = 65536;
constexpr std::uint64_t kProbe = 1ull << 63;  // tokens of probes, apart from those of the signs of life

/// The stored form of a batch: a DELIVER frame of its own.
Slice stored_frame(const BatchView& batch, const Slice* whole) {
    if (whole != nullptr && whole->size() >= kAdopt) {
        write_frame_header(const_cast<char*>(whole->data()), Verb::deliver);
        return *whole;
    }
    auto owner = std::make_shared_for_overwrite<char[]>(kFrameHeader + batch.bytes.size());
    write_frame_header(owner.get(), Verb::deliver);
    std::memcpy(owner.get() + kFrameHeader, batch.bytes.data(), batch.bytes.size());
    const char* data = owner.get();
    return Slice(std::move(owner), data, kFrameHeader + batch.bytes.size());
}

std::string not_understood(const Unknown& unknown) {
    return "field " + std::to_string(unknown.critical & ~kCritical) + " has to be understood, and is not known here";
}

/// A refusal after which libcast sends the batch again, and what comes after it has to wait.
bool comes_again(ErrorCode code) {
    return code == ErrorCode::mailbox_full || code == ErrorCode::group_busy || code == ErrorCode::store_failed;
}

}  // namespace

Router::Router(const Config& config)
    : state_(config),
      receipts_(state_),
      dead_(state_.config, state_.directory, state_.budget, state_.dirty),
      mailboxes_(state_, receipts_, dead_),
      reaper_(state_, receipts_, dead_),
      groups_(state_, receipts_),
      attachments_(state_, groups_, mailboxes_, reaper_),
      scheduled_(state_, receipts_, mailboxes_, groups_, dead_),
      browser_(state_),
      streams_({state_, groups_, mailboxes_, reaper_, dead_, scheduled_}),
      persister_(state_, streams_, dead_),
      page_loads_(state_.config, state_.directory, state_.budget, state_.unreadable, streams_, mailboxes_, browser_) {
    Group& events = state_.directory.add_group(kEventsGroup);
    events.created = true;
    state_.directory.broadcast().stream.kept = config.durable;
    state_.touch(state_.directory.broadcast().stream);
}

void Router::restore(const Recovered& recovered, Now now, Outbox& outbox) {
    Recovery(state_, reaper_, dead_, scheduled_).restore(recovered, now, outbox);
}

void Router::announce(std::vector<std::string> publish_endpoints, std::string version) {
    publish_endpoints_ = std::move(publish_endpoints);
    version_ = std::move(version);
}

void Router::error(ConnectionId to, ErrorCode code, Verb verb, std::string_view text, Outbox& outbox) {
    ++state_.statistics.errors[static_cast<std::size_t>(code)];
    outbox.send(to, encode(ErrorReply{code, static_cast<std::uint8_t>(verb), text}));
}

void Router::handle(ConnectionId from, const Slice& bytes, Now now, Outbox& outbox) {
    if (!evicted_.empty() && evicted_.count(from) > 0) return;
    const std::size_t before = outbox.sends.size();
    take_frame(from, bytes, now, outbox);
    std::size_t sent = 0;
    for (std::size_t i = before; i < outbox.sends.size(); ++i)
        if (outbox.sends[i].to == from) sent += outbox.sends[i].frame.size();
    if (sent > 0) answered(from, sent, now, outbox);
}

void Router::answered(ConnectionId to, std::size_t bytes, Now now, Outbox& outbox) {
    Connection* connection = state_.sessions.connection(to);
    if (connection == nullptr) return;
    connection->answer_bytes += bytes;
    if (connection->answer_bytes < kAnswersUnread) return;
    if (connection->probe == 0) {
        connection->probe = kProbe | ++probes_;
        connection->probed_bytes = connection->answer_bytes;
        outbox.send(to, encode_ping(Verb::ping, Ping{connection->probe}));
    } else if (connection->answer_bytes >= kAnswersMost) {
        outbox.log.push_back(
            {"a client asks and does not read the answers: given up (" + connection->session->agent + ")"});
        if (evicted_.size() >= kEvictedKept) evicted_.erase(evicted_.begin());
        evicted_.insert(to);
        drop(*connection, true, now, outbox);
    }
}

void Router::proven(Connection& connection, std::uint64_t token) {
    if (connection.probe == 0 || token != connection.probe) return;
    connection.answer_bytes -= connection.probed_bytes;
    connection.probe = 0;
}

void Router::take_frame(ConnectionId from, const Slice& bytes, Now now, Outbox& outbox) {
    Frame frame;
    const ErrorCode code = read_frame(bytes.view(), frame);
    Connection* connection = state_.sessions.connection(from);
    if (connection != nullptr) connection->heard_us = now.mono_us;
    if (code != ErrorCode::ok) {
        const char* text = code == ErrorCode::malformed ? "not a cast frame" : "this broker speaks versions 1 and 2";
        return error(from, code, Verb{}, text, outbox);  // unreadable: about no verb
    }
    if (frame.verb == Verb::hello) return hello(from, frame, now, outbox);
    if (connection == nullptr && frame.verb == Verb::bye && part(from, now, outbox)) return;
    if (connection == nullptr) return error(from, ErrorCode::hello_first, frame.verb, "say HELLO first", outbox);
    // A client that was told known = 0 and still speaks goes on from there; until then every WELCOME tells it again.
    if (frame.verb != Verb::ping && frame.verb != Verb::pong) connection->session->known = true;
    if (frame.verb == Verb::cast) return cast(*connection, frame, bytes, now, outbox);
    if (!dispatch(*connection, frame, now, outbox))
        error(from, ErrorCode::malformed, frame.verb, "the frame's body does not parse", outbox);
}

bool Router::dispatch(Connection& connection, const Frame& frame, Now now, Outbox& outbox) {
    switch (frame.verb) {
        case Verb::ack: ack(connection, frame, now, outbox); return true;
        case Verb::attach: {
            Attach m;
            if (!decode(frame.body, m, frame.version)) return false;
            if (m.unknown.critical == 0)
                attachments_.attach(connection, m, now, outbox);
            else
                error(connection.id, ErrorCode::unsupported_version, frame.verb, not_understood(m.unknown), outbox);
            return true;
        }
        case Verb::detach: {
            Detach m;
            if (!decode(frame.body, m)) return false;
            for (std::string_view name : m.names) attachments_.detach(connection, name, now, outbox);
            return true;
        }
        case Verb::fetch: {
            Fetch m;
            if (!decode(frame.body, m)) return false;
            groups_.fetch(connection, m, now, outbox);
            return true;
        }
        case Verb::control: {
            Control m;
            if (!decode(frame.body, m)) return false;
            outbox.controls.push_back({connection.id, m.request, std::string(m.json)});
            return true;
        }
        case Verb::ping: {
            Ping m;
            if (!decode(frame.body, m)) return false;
            receipts_.hurry(*connection.session, now);
            outbox.send(connection.id, encode_ping(Verb::pong, m));
            return true;
        }
        case Verb::pong: {
            Ping m;
            if (decode(frame.body, m)) proven(connection, m.token);
            attachments_.heard(connection, now, outbox);
            return true;
        }
        case Verb::bye: end_session(*connection.session, now, outbox); return true;
        default: error(connection.id, ErrorCode::unknown_verb, frame.verb, "no such verb", outbox); return true;
    }
}

void Router::hello(ConnectionId from, const Frame& frame, Now now, Outbox& outbox) {
    Hello m;
    if (!decode(frame.body, m, frame.version))
        return error(from, ErrorCode::malformed, Verb::hello, "the HELLO does not parse", outbox);
    if (!m.behalf.empty())  // before it is asked who that is: a broker without users has none to speak for
        return error(from, ErrorCode::forbidden, Verb::hello, "nobody may speak for others here", outbox);
    if (m.unknown.critical != 0)
        return error(from, ErrorCode::unsupported_version, Verb::hello, not_understood(m.unknown), outbox);
    const SecretHash said = m.secret.empty() ? SecretHash{} : state_.config.hash_secret(m.secret);
    Connection* present = state_.sessions.connection(from);
    Session* session = state_.sessions.session(m.session);
    if (present != nullptr && (session == nullptr || present->session != session))
        return error(from, ErrorCode::forbidden, Verb::hello, "this connection speaks for another session", outbox);
    if (session != nullptr && !session->admits(said))
        return error(from, ErrorCode::forbidden, Verb::hello, "this session is another program's", outbox);
    if (session != nullptr && m.attempt <= session->attempt) {
        if (present != nullptr) return error(from, ErrorCode::malformed, Verb::hello, "HELLO was said already", outbox);
        return error(from, ErrorCode::forbidden, Verb::hello, "a later attempt of this session came before", outbox);
    }
    if (present == nullptr && state_.sessions.connections() >= state_.config.max_connections &&
        (session == nullptr || session->connection == nullptr))
        return error(from, ErrorCode::too_many, Verb::hello, "max-connections is reached", outbox);
    if (session == nullptr) {
        session = &state_.sessions.add_session(m.session);
        session->through = session->committed = session->receipted = m.seen;
        session->known = m.attempt <= 1;
    } else {
        // What the client was told is true, even if a crash of the machine took it from a store that does not sync.
        session->through = std::max(session->through, m.seen);
        session->committed = std::max(session->committed, m.seen);
        if (session->secret != said) state_.touch(*session);
        if (session->connection != nullptr) drop(*session->connection, false, now, outbox);
        state_.sessions.mark_back(*session);
    }
    detached_.erase(session->detached);
    session->detached = 0;
    session->attempt = m.attempt;
    session->secret = said;
    session->agent = std::string(m.agent);
    session->host = std::string(m.host);
    Connection& connection = state_.sessions.add_connection(from, *session, now.mono_us);
    comings_.greeted.push_back(from);
    receipts_.rewind(*session, m.seen, now);
    session->window = std::max<std::uint64_t>(session->window, state_.config.sender_window);
    outbox.send(from, welcome(state_, *connection.session, publish_endpoints_, version_, m.capabilities));
}

void Router::cast(Connection& connection, const Frame& frame, const Slice& bytes, Now now, Outbox& outbox) {
    batches_.clear();
    if (!for_each_batch(frame.body, [&](const BatchView& batch) { batches_.push_back(batch); }) || batches_.empty())
        return error(connection.id, ErrorCode::malformed, Verb::cast, "a batch does not parse", outbox);
    if ((frame.flags & kHasAux) != 0) receipts_.confirm(*connection.session, frame.aux);
    bool in_order = true;
    for (const BatchView& batch : batches_)
        in_order = in_order && take(connection, batch, batches_.size() == 1 ? &bytes : nullptr, now);
    if (!in_order) {
        const bool stuffed = connection.session->refused.size() >= 2 * kRefusalsKept;
        const char* why = stuffed ? "too many refusals wait to be confirmed: read the receipts first"
                                  : "a batch is missing before this one";
        error(connection.id, ErrorCode::out_of_order, Verb::cast, why, outbox);
    }
    if (!state_.store_healthy) [[unlikely]]
        error(connection.id, ErrorCode::store_failed, Verb::cast, "the store cannot take messages: receipts wait",
              outbox);
}

bool Router::take(Connection& connection, const BatchView& batch, const Slice* whole, Now now) {
    Session& session = *connection.session;
    // A batch that claims another session has no number of ours: it is refused under the next one.
    const bool foreign = batch.header.session != session.id;
    if (!foreign && batch.header.number <= session.through) {
        receipts_.repeat(session, now);
        return true;
    }
    if (batch.header.number != session.through + 1) return false;
    // Refusals are kept until they are confirmed: whoever sends and sends without reading them is stopped here.
    if (session.refused.size() >= 2 * kRefusalsKept) return false;
    ++state_.statistics.batches_in;
    const ErrorCode code = foreign ? ErrorCode::forbidden : place(connection, batch, whole, now);
    receipts_.outcome(session, batch.header, batch.bytes.size(), code, now);
    if (code == ErrorCode::ok) {
        Statistics& s = state_.statistics;
        s.by_cast[static_cast<std::size_t>(batch.header.cast)] += batch.header.count;
        s.flow.messages_in += batch.header.count;
        s.flow.bytes_in += batch.records.size();
        if (state_.sampler.open()) [[unlikely]]
            state_.sampler.see(batch, now);
    }
    return true;
}

ErrorCode Router::place(Connection& connection, const BatchView& batch, const Slice* whole, Now now) {
    Session& session = *connection.session;
    Node* node = nullptr;
    Group* group = nullptr;
    const BatchHeader& h = batch.header;
    ErrorCode code = admit(connection, batch, node, group, now);
    if (!session.blocked.empty()) {
        const auto at = session.blocked.find(destination_key(h.cast, h.target));
        const bool resumes = (h.flags & kResume) != 0;
        if (at != session.blocked.end() && !resumes && (code == ErrorCode::ok || comes_again(code))) return at->second;
        if (at != session.blocked.end() && resumes && (code == ErrorCode::ok || rejects(code)))
            session.blocked.erase(at);
    }
    if (rejects(code)) return final_code(code);
    if (comes_again(code)) {
        if (session.blocked.size() >= kRefusalsKept) session.blocked.clear();
        session.blocked[destination_key(h.cast, h.target)] = code;
    }
    if (code != ErrorCode::ok) return code;
    if (Node* sender = state_.directory.node(h.sender)) {
        sender->sent += h.count;
        state_.busiest.grown(*sender);
    }
    if ((h.flags & kScheduled) != 0) [[unlikely]]
        scheduled_.append(h, stored_frame(batch, whole), now);
    else if (node != nullptr)
        mailboxes_.append(*node, &session, h, stored_frame(batch, whole), now);
    else if (group == nullptr)
        return dead_.take(batch, now);
    else
        groups_.append(*group, &session, h, stored_frame(batch, whole), now);
    return ErrorCode::ok;
}

ErrorCode Router::admit(Connection& connection, const BatchView& batch, Node*& node, Group*& group, Now now) {
    const BatchHeader& h = batch.header;
    const Session& session = *connection.session;
    if (connection.last_sender == nullptr || *connection.last_sender != h.sender) {
        const auto at = connection.senders.find(std::string(h.sender));
        if (at == connection.senders.end()) return ErrorCode::not_attached;
        connection.last_sender = &at->first;
    }
    if (batch.records.size() > state_.config.max_message + kRecordOverhead &&
        batch.records.size() > kBatchSeal + kRecordOverhead)
        return ErrorCode::too_large;
    // That the window was made smaller is news to who was told the larger one.
    if (session.unreceipted_bytes() > 2 * std::max<std::uint64_t>(session.window, state_.config.sender_window) ||
        session.refused.size() >= kRefusalsKept)
        return ErrorCode::too_large;
    if (!state_.store_healthy) return ErrorCode::store_failed;
    if (h.cast == Cast::unicast) {
        node = state_.directory.node(h.target);
        if (node == nullptr)
            return h.target == kDeadLetters && (h.flags & kScheduled) == 0 ? ErrorCode::ok : ErrorCode::no_such_node;
        return (h.flags & kScheduled) != 0 ? scheduled_.admits(h, now) : mailboxes_.admits(*node, h);
    }
    group = h.cast == Cast::broadcast ? &state_.directory.broadcast() : state_.directory.group(h.target);
    if (group == nullptr) return ErrorCode::no_such_group;
    if (reserved_name(h.target)) return ErrorCode::forbidden;
    return (h.flags & kScheduled) != 0 ? scheduled_.admits(h, now) : groups_.admits(*group);
}

void Router::ack(Connection& connection, const Frame& frame, Now now, Outbox& outbox) {
    Ack& m = ack_;
    if (!decode(frame.body, m, frame.version))
        return error(connection.id, ErrorCode::malformed, Verb::ack, "the ACK does not parse", outbox);
    if (m.unknown.critical != 0)
        return error(connection.id, ErrorCode::unsupported_version, Verb::ack, not_understood(m.unknown), outbox);
    if (m.entries.size() > 1) {  // each look at a subscription may take as long as it has nodes
        acked_.clear();
        for (const AckEntry& entry : m.entries) acked_.push_back(entry.stream);
        std::sort(acked_.begin(), acked_.end());
        if (std::adjacent_find(acked_.begin(), acked_.end()) != acked_.end())
            return error(connection.id, ErrorCode::malformed, Verb::ack, "the ACK lists a stream twice", outbox);
    }
    for (const AckEntry& entry : m.entries) {
        state_.work += 1 + entry.exceptions.size();
        const auto at = connection.subscriptions.find(entry.stream);
        if (at != connection.subscriptions.end()) {
            groups_.ack(*at->second, entry, now);
            continue;
        }
        Lane* lane = state_.directory.owner(entry.stream).lane;
        if (lane != nullptr && lane->node->connection == &connection) mailboxes_.ack(*lane, entry.sequence, now);
    }
}

}  // namespace broker
