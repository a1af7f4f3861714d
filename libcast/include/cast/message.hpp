// cast/message.hpp: one message, to send or received. A received message is a view on its batch: copying it
// copies no payload, and its bytes live as long as any copy does. A Message is not to be changed by two
// threads at once; reading is free.
#pragma once
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cast/export.hpp"

namespace cast {

/// How a message travels: to named nodes, to the members of a group, or to every node.
enum class CastKind : std::uint8_t { unicast = 1, multicast = 2, broadcast = 3 };

/// Whether this can be the name of a node or a group: 1 to 128 bytes of [A-Za-z0-9._-], not beginning with '.' or '-'.
CAST_API bool valid_name(std::string_view name) noexcept;

/// A received batch, shared by its messages. Opaque.
struct ReceivedBatch;

class CAST_API Message {
public:
    Message() = default;  ///< an empty text to nobody

    // --- To send: start with one of these, then set what differs from the default. ---------------------

    static Message unicast(std::string_view to, std::string_view payload);
    static Message unicast(std::vector<std::string> to, std::string_view payload);
    static Message unicast(std::initializer_list<std::string_view> to, std::string_view payload);
    static Message multicast(std::string_view group, std::string_view payload);
    static Message broadcast(std::string_view payload);

    /// "text" (the default), "json", "binary", "file", or any media type such as "image/png"; 1 to 128 bytes.
    Message& type(std::string_view type) &;
    /// Adds a header. Keys 1 to 255 bytes; all headers together at most 8 KiB and 64 of them.
    Message& header(std::string_view key, std::string_view value) &;
    /// The user's own id; it is the header "id".
    Message& id(std::string_view id) &;
    /// 0 (last) to 9 (first); default 4. Higher ones overtake in a mailbox; a group keeps one order.
    Message& priority(int priority) &;
    /// The message expires when nobody has received it for this long. Zero: never.
    Message& ttl(std::chrono::milliseconds ttl) &;
    /// The broker keeps it for so long before it goes to its target (default: not). Its receipt comes at once, and is
    /// the same promise; the ttl counts from when it goes. With Wait::delivered the sender waits for that, too. Whoever
    /// sets the clock of the broker's machine does not move it; over a restart of the broker its end is kept as a time
    /// of day.
    Message& delay(std::chrono::milliseconds delay) &;
    /// The same until this time, by the broker's clock; one that has passed means now. The last of the two calls
    /// counts.
    Message& deliver_at(std::chrono::system_clock::time_point time) &;
    /// Group and broadcast: send it to the sender's own node, too (default: not).
    Message& echo(bool echo) &;
    /// Unicast: refuse with node_absent when nobody is attached to the receiver (default: keep it for later).
    Message& attached_only(bool only) &;
    /// Any of the above on a temporary: `node.send(Message::unicast("bob", "hi").with_priority(9))`.
    Message&& with_type(std::string_view t) && { return type(t), std::move(*this); }
    Message&& with_header(std::string_view k, std::string_view v) && { return header(k, v), std::move(*this); }
    Message&& with_id(std::string_view v) && { return id(v), std::move(*this); }
    Message&& with_priority(int p) && { return priority(p), std::move(*this); }
    Message&& with_ttl(std::chrono::milliseconds t) && { return ttl(t), std::move(*this); }
    Message&& with_delay(std::chrono::milliseconds d) && { return delay(d), std::move(*this); }
    Message&& with_deliver_at(std::chrono::system_clock::time_point t) && { return deliver_at(t), std::move(*this); }
    Message&& with_echo(bool e) && { return echo(e), std::move(*this); }
    Message&& with_attached_only(bool o) && { return attached_only(o), std::move(*this); }

    // --- Of any message. The views live as long as the message or a copy of it. ------------------------

    std::string_view payload() const {
        return batch_ != nullptr ? std::string_view(record_, payload_size_) : draft_payload();
    }
    std::string_view type() const;
    /// The value of a header; nothing when it is not there.
    std::optional<std::string_view> header(std::string_view key) const;
    std::vector<std::pair<std::string_view, std::string_view>> headers() const;
    std::string_view id() const;  ///< the header "id", or empty
    CastKind kind() const;
    int priority() const;
    std::chrono::milliseconds ttl() const;
    /// The receivers of a message to send.
    const std::vector<std::string>& recipients() const;

    // --- Of a received message. -----------------------------------------------------------------------

    std::string_view sender() const;  ///< the node that sent it
    std::string_view target() const;  ///< this node's name, the group's name, or "" for a broadcast
    std::uint64_t sequence() const;   ///< its number in its stream
    std::chrono::system_clock::time_point arrival() const;  ///< when the broker took it
    bool redelivered() const;                               ///< an earlier reader had it and may have handled it

private:
    friend struct MessageAccess;  // libcast's own way in
    struct Draft;                 // what a message to send consists of
    Draft& draft();
    std::string_view draft_payload() const;
    std::shared_ptr<const ReceivedBatch> batch_;
    std::shared_ptr<Draft> draft_;
    const char* record_ = nullptr;  // payload's begin, within the batch
    std::uint32_t payload_size_ = 0;
    std::uint32_t index_ = 0;  // within the batch
    const char* type_ = nullptr;
    const char* headers_ = nullptr;
    std::uint16_t type_size_ = 0;
    std::uint16_t headers_size_ = 0;
    bool redelivered_ = false;
};

}  // namespace cast
