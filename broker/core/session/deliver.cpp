// Building the frames that leave. Pure; broker's thread.
#include "core/session/deliver.hpp"

#include "wire/frame.hpp"
#include "wire/limits.hpp"

namespace broker {
namespace {

using cast::wire::kFrameFill;
using cast::wire::kFrameHeader;
using cast::wire::Slice;

/// A frame from here on is sent as it lies; a smaller one is copied, so that a receipt can ride on it.
constexpr std::size_t kAsIs = 8192;

}  // namespace

Slice join_frames(const Slice* first, std::size_t count, std::uint8_t flags, std::uint32_t aux) {
    std::size_t size = kFrameHeader;
    for (std::size_t i = 0; i < count; ++i) size += first[i].size() - kFrameHeader;
    auto owner = std::make_shared_for_overwrite<char[]>(size);
    char* at = owner.get();
    cast::wire::write_frame_header(at, cast::wire::Verb::deliver, flags, aux);
    at += kFrameHeader;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t body = first[i].size() - kFrameHeader;
        std::memcpy(at, first[i].data() + kFrameHeader, body);
        at += body;
    }
    const char* data = owner.get();
    return Slice(std::move(owner), data, size);
}

void deliver(State& state, Connection& connection, const Slice& frame) {
    if (connection.deliveries.empty()) state.dirty_connections.push_back(connection.id);
    connection.deliveries.push_back(frame);
    connection.delivery_bytes += frame.size();
}

void flush_deliveries(State& state, Receipts& receipts, Connection& connection, Outbox& outbox) {
    auto& frames = connection.deliveries;
    for (std::size_t i = 0; i < frames.size();) {
        std::size_t n = 1, bytes = frames[i].size();
        while (i + n < frames.size() && bytes + frames[i + n].size() <= kFrameFill) bytes += frames[i + n++].size();
        state.statistics.flow.bytes_out += bytes;
        state.statistics.batches_out += n;
        if (n == 1 && bytes >= kAsIs) {
            outbox.sends.push_back({connection.id, frames[i]});
        } else {
            std::uint32_t aux = 0;
            const bool receipt = receipts.piggyback(*connection.session, aux);
            const std::uint8_t flags = receipt ? cast::wire::kHasAux : 0;
            outbox.sends.push_back({connection.id, join_frames(&frames[i], n, flags, aux)});
        }
        i += n;
    }
    frames.clear();
    connection.delivery_bytes = 0;
}

void send_gaps(State& state, const Stream& stream, Sequence from, Sequence to, ConnectionId to_connection,
               Outbox& outbox) {
    stream.gaps().for_each(from, to,
                           [&](const GoneRange& range) { send_gap(state, stream.id(), range, to_connection, outbox); });
}

void send_gap(State& state, StreamId stream, const GoneRange& range, ConnectionId to_connection, Outbox& outbox) {
    const std::uint64_t count = range.to - range.from + 1;
    Statistics& s = state.statistics;
    if (range.reason == cast::wire::GapReason::expired) s.gaps_expired += count;
    if (range.reason == cast::wire::GapReason::retention) s.gaps_retention += count;
    if (range.reason == cast::wire::GapReason::purged) s.gaps_purged += count;
    if (range.reason == cast::wire::GapReason::redeliveries) s.gaps_redeliveries += count;
    outbox.send(to_connection, cast::wire::encode(cast::wire::Gap{stream, range.from, range.to, range.reason}));
}

}  // namespace broker
