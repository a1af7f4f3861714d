// cast::Node: refusing messages, which then are dead letters. Threads as cast/node.hpp says.
#include "src/node/message_access.hpp"
#include "src/node/node_state.hpp"
#include "src/session/session_time.hpp"
#include "wire/dead_letter.hpp"

namespace cast {

namespace detail {

Result<void> bury(Node::State& node, const Message& message, std::string_view reason, std::string_view detail) {
    if (!MessageAccess::received(message))
        return Error{ErrorCode::invalid_argument, "only a received message can be refused"};
    std::string record;
    wire::append_record(record, message.type(), MessageAccess::headers(message), message.payload());
    wire::DeadLetterEnvelope letter{reason, detail, message.sender(), node.name, {}, message.priority(), 0, record};
    if (message.kind() == CastKind::multicast) letter.group = message.target();
    if (message.kind() == CastKind::broadcast) letter.group = "*";
    letter.arrival_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(message.arrival().time_since_epoch()).count());
    const std::string headers = wire::encode_headers(wire::dead_letter_headers(letter));
    OutgoingRecord outgoing;
    outgoing.cast = wire::Cast::unicast;
    outgoing.sender = node.name;
    outgoing.from = node.attachment.get();
    outgoing.target = wire::kDeadLetters;
    outgoing.payload = record;
    outgoing.type = wire::kDeadLetterType;
    outgoing.headers = headers;
    outgoing.priority = wire::kDefaultPriority;
    outgoing.token = next_token();
    Link& link = *node.link;
    const std::int64_t until = deadline_us(link.options().send_timeout);
    if (auto sent = link.send(outgoing); !sent) return sent;
    Lock lock = link.lock();
    Outbound& outbound = link.session(lock).outbound();
    ErrorCode code = ErrorCode::ok;
    if (!link.wait(lock, until, [&] { return outbound.outcome(outgoing.token, code); })) {
        outbound.forget(outgoing.token);
        if (link.stopping()) return link.closed();
        return Error{link.session(lock).overdue(), "no receipt of the dead letter yet"};
    }
    if (code == ErrorCode::too_large)
        return Error{code, "as a dead letter it is larger than the broker keeps of them together (dead-bytes)"};
    if (code != ErrorCode::ok) return Error{code, "the dead letters"};
    return {};
}

}  // namespace detail

Result<void> Node::nack(const Message& message, std::string_view reason) {
    if (auto dead = detail::bury(*state_, message, wire::kReasonRefused, reason); !dead) return dead;
    if (state_->turn.ours())
        state_->reader->ask_ack(detail::Reader::kAll);  // within a callback: when that returns
    else
        state_->ack(detail::Reader::kAll);
    return {};
}

}  // namespace cast
