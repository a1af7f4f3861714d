// cast::Node: sending, receipts, requests and replies. Threads as cast/node.hpp says.
#include <algorithm>
#include <atomic>
#include <optional>

#include "src/node/message_access.hpp"
#include "src/node/node_state.hpp"
#include "src/session/session_time.hpp"
#include "wire/names.hpp"
#include "wire/record.hpp"

namespace cast {

using detail::Lock;
using std::chrono::milliseconds;

namespace {

/// When the broker is to let it go, as a batch's arrival says it; 0: at once. Nothing: out of range.
std::optional<std::uint64_t> due_of(const MessageAccess::Draft& draft) {
    const std::int64_t most_ms = static_cast<std::int64_t>(wire::kDelayBelow / 1000) - 1;
    if (draft.delay.count() < 0 || draft.delay.count() > most_ms) return std::nullopt;
    if (draft.delay.count() > 0) return static_cast<std::uint64_t>(draft.delay.count()) * 1000;
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(draft.due.time_since_epoch()).count();
    return us < static_cast<std::int64_t>(wire::kDelayBelow) ? 0 : static_cast<std::uint64_t>(us);
}

Result<std::string> encode_map(const wire::HeaderList& headers) {
    if (headers.size() > wire::kMaxHeaderCount) return Error{ErrorCode::too_large, "more than 64 headers"};
    for (const auto& [key, value] : headers)
        if (key.empty() || key.size() > 255)
            return Error{ErrorCode::invalid_argument, "a header's key is 1 to 255 bytes"};
    std::string encoded = wire::encode_headers(headers);
    if (encoded.size() > wire::kMaxHeaders) return Error{ErrorCode::too_large, "headers of more than 8 KiB"};
    return encoded;
}

}  // namespace

namespace detail {

std::uint64_t next_token() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

const std::vector<std::string>& targets_of(const Message& message) {
    static const std::vector<std::string> everybody{""};
    return message.kind() == CastKind::broadcast ? everybody : message.recipients();
}

Result<OutgoingRecord> prepare(const Node::State& node, const Message& message, std::uint8_t flags,
                               std::string& headers) {
    const auto* draft = MessageAccess::draft(message);
    if (draft == nullptr) return Error{ErrorCode::invalid_argument, "the message has no recipient"};
    if (draft->priority < 0 || draft->priority >= wire::kPriorities)
        return Error{ErrorCode::invalid_argument, "priority is 0 to 9"};
    if (draft->type.empty() || draft->type.size() > wire::kMaxType)
        return Error{ErrorCode::invalid_argument, "a type is 1 to 128 bytes"};
    if (draft->ttl.count() < 0 || draft->ttl.count() > UINT32_MAX)
        return Error{ErrorCode::invalid_argument, "ttl is 0 to 49 days"};
    if (draft->kind == CastKind::unicast && draft->to.empty())
        return Error{ErrorCode::invalid_argument, "the message has no recipient"};
    for (const std::string& to : draft->to)
        if (!wire::valid_name(to) && !wire::reserved_name(to)) return Error{ErrorCode::invalid_name, "'" + to + "'"};
    const auto due_us = due_of(*draft);
    if (!due_us) return Error{ErrorCode::invalid_argument, "delay is 0 to 3257 days"};
    auto encoded = encode_map(draft->headers);
    if (!encoded) return encoded.error();
    headers = std::move(*encoded);

    OutgoingRecord p;
    p.cast = static_cast<wire::Cast>(draft->kind);
    p.sender = node.name;
    p.from = node.attachment.get();
    p.payload = draft->payload;
    p.type = draft->type;
    p.headers = headers;
    p.priority = static_cast<std::uint8_t>(draft->priority);
    p.ttl_ms = static_cast<std::uint32_t>(draft->ttl.count());
    p.flags = static_cast<std::uint8_t>(flags | (draft->echo ? wire::kEcho : 0) |
                                        (draft->attached_only ? wire::kAttachedOnly : 0));
    p.due_us = *due_us;
    if (p.due_us != 0) p.flags |= wire::kScheduled;
    return p;
}

Result<void> send_message(Node::State& node, const Message& message, std::uint8_t flags,
                          std::vector<std::uint64_t>* tokens) {
    std::string headers;
    auto record = prepare(node, message, flags, headers);
    if (!record) return record.error();
    for (const std::string& to : targets_of(message)) {
        record->target = to;
        record->token = tokens != nullptr ? next_token() : 0;
        if (tokens != nullptr) tokens->push_back(record->token);
        if (auto sent = node.link->send(*record); !sent) return sent;
    }
    return {};
}

std::vector<Result<void>> send_each(Node::State& node, const Message& message, Wait wait, milliseconds timeout) {
    Link& link = *node.link;
    const std::size_t recipients = message.kind() == CastKind::unicast ? message.recipients().size() : 1;
    std::vector<Result<void>> results(std::max<std::size_t>(recipients, 1));
    if (wait == Wait::delivered && message.kind() != CastKind::unicast)
        return {Error{ErrorCode::invalid_argument, "only unicasts can wait for delivery"}};
    std::vector<std::uint64_t> tokens;
    const std::uint8_t flags = wait == Wait::delivered ? wire::kWantsDelivered : 0;
    const Result<void> sent = send_message(node, message, flags, wait == Wait::none ? nullptr : &tokens);
    const std::int64_t until = deadline_us(timeout.count() > 0 ? timeout : link.options().send_timeout);
    // The last one that has a watch is the one that could not be sent; those after it were not tried.
    const std::size_t under_way = sent || tokens.empty() ? tokens.size() : tokens.size() - 1;
    for (std::size_t i = under_way; i < results.size(); ++i) results[i] = sent;
    if (tokens.empty()) return results;
    Lock lock = link.lock();
    Outbound& outbound = link.session(lock).outbound();
    for (std::size_t i = under_way; i < tokens.size(); ++i) outbound.forget(tokens[i]);
    const auto name = [&message](std::size_t i) {
        return message.kind() == CastKind::broadcast ? std::string() : message.recipients()[i];
    };
    for (std::size_t i = 0; i < under_way; ++i) {
        ErrorCode code = ErrorCode::ok;
        if (!link.wait(lock, until, [&] { return outbound.outcome(tokens[i], code); })) {
            if (const ErrorCode full = outbound.withdraw(tokens[i]); full != ErrorCode::ok) {
                results[i] = Error{full, name(i)};
                continue;
            }
            outbound.forget(tokens[i]);
            const char* so_far =
                wait == Wait::delivered ? "not acknowledged yet" : "no receipt yet; it may still be taken";
            results[i] = link.stopping() ? link.closed() : Error{link.session(lock).overdue(), so_far};
        } else if (code != ErrorCode::ok) {
            results[i] = Error{code, name(i)};
        }
    }
    return results;
}

Result<void> send_and_wait(Node::State& node, const Message& message, Wait wait, milliseconds timeout) {
    if (wait == Wait::none) return send_message(node, message, 0, nullptr);
    for (Result<void>& outcome : send_each(node, message, wait, timeout))
        if (!outcome) return std::move(outcome);
    return {};
}

}  // namespace detail

Result<void> Node::unicast(std::string_view to, std::string_view payload) {
    return state_->link->send_plain(wire::Cast::unicast, *state_->attachment, to, payload);
}
Result<void> Node::multicast(std::string_view group, std::string_view payload) {
    return state_->link->send_plain(wire::Cast::multicast, *state_->attachment, group, payload);
}
Result<void> Node::broadcast(std::string_view payload) {
    return state_->link->send_plain(wire::Cast::broadcast, *state_->attachment, {}, payload);
}

Result<void> Node::send(const Message& message, Wait wait, milliseconds timeout) {
    return detail::send_and_wait(*state_, message, wait, timeout);
}

std::vector<Result<void>> Node::send_each(const Message& message, Wait wait, milliseconds timeout) {
    return detail::send_each(*state_, message, wait, timeout);
}

Result<void> Node::flush(milliseconds timeout) {
    Lock lock = state_->link->lock();
    return state_->link->settle(lock, state_->link->session(lock).outbound().added(), detail::deadline_us(timeout));
}

Result<Message> Node::request(std::string_view to, std::string_view payload, milliseconds timeout) {
    return request(Message::unicast(to, payload), timeout);
}

Result<Message> Node::request(const Message& message, milliseconds timeout) {
    if (message.kind() != CastKind::unicast || message.recipients().size() != 1)
        return Error{ErrorCode::invalid_argument, "a request goes to one node"};
    if (timeout.count() <= 0) return Error{ErrorCode::invalid_argument, "a request needs a time-out"};
    detail::Link& link = *state_->link;
    const std::int64_t until = detail::deadline_us(timeout);
    auto reply_to = link.reply_node(until);
    if (!reply_to) return reply_to.error();
    const std::string correlation = std::to_string(detail::next_token());
    Message request = message;
    request.header("reply-to", *reply_to).header("correlation", correlation).ttl(timeout);
    std::vector<std::uint64_t> tokens;
    link.expect_reply(correlation);  // another thread may take the answer in before we wait for it
    if (auto sent = detail::send_message(*state_, request, 0, &tokens); !sent) {
        link.forget_reply(correlation);
        return sent.error();
    }
    return link.await_reply(correlation, tokens.front(), *reply_to, until);
}

Result<void> Node::reply(const Message& request, std::string_view payload) {
    return reply(request, Message::unicast("", payload));
}

Result<void> Node::reply(const Message& request, Message answer) {
    const auto to = request.header("reply-to");
    if (!to) return Error{ErrorCode::invalid_argument, "the message is no request: it has no header reply-to"};
    auto& draft = MessageAccess::draft(answer);
    draft.kind = CastKind::unicast;
    draft.to = {std::string(*to)};
    if (const auto correlation = request.header("correlation")) answer.header("correlation", *correlation);
    return send(answer);
}

}  // namespace cast
