// MessageAccess: libcast's own way into a cast::Message: what a draft holds, and a view on a received record.
// Plain; a message belongs to one thread at a time.
#pragma once
#include <cast/message.hpp>
#include <memory>
#include <string>
#include <vector>

#include "src/inbound/inbound.hpp"
#include "wire/record.hpp"

namespace cast {

struct Message::Draft {
    CastKind kind = CastKind::unicast;
    std::vector<std::string> to;  ///< receivers, or the one group; empty for broadcast
    std::string payload;
    std::string type = "text";
    wire::HeaderList headers;
    int priority = wire::kDefaultPriority;
    std::chrono::milliseconds ttl{0};
    std::chrono::milliseconds delay{0};
    std::chrono::system_clock::time_point due{};  ///< the epoch: no time was named
    bool echo = false;
    bool attached_only = false;
};

struct MessageAccess {
    using Draft = Message::Draft;
    /// The encoded header map of a received message.
    static std::string_view headers(const Message& m) { return {m.headers_, m.headers_size_}; }
    static bool received(const Message& m) { return m.batch_ != nullptr; }
    static const Message::Draft* draft(const Message& m) { return m.draft_.get(); }
    static Message::Draft& draft(Message& m) { return m.draft(); }
    /// Points `m` at record `index` of a batch. Keeps a share of the batch.
    static void view(Message& m, const std::shared_ptr<const ReceivedBatch>& batch, const wire::RecordView& record,
                     std::uint32_t index, bool redelivered) {
        if (m.batch_ != batch) m.batch_ = batch;
        m.draft_.reset();
        m.record_ = record.payload.data();
        m.payload_size_ = static_cast<std::uint32_t>(record.payload.size());
        m.index_ = index;
        m.type_ = record.type.data();
        m.type_size_ = static_cast<std::uint16_t>(record.type.size());
        m.headers_ = record.headers.data();
        m.headers_size_ = static_cast<std::uint16_t>(record.headers.size());
        m.redelivered_ = redelivered;
    }
};

}  // namespace cast
