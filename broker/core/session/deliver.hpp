// Frames on their way out: DELIVERs are collected per connection and joined within a turn; GAPs go in between in
// order. Pure; broker's thread.
#pragma once
#include "core/session/receipts.hpp"
#include "core/state.hpp"
#include "core/stream/stream.hpp"

namespace broker {

/// Adds a stored DELIVER frame to what the connection gets in this turn.
void deliver(State& state, Connection& connection, const cast::wire::Slice& frame);
/// Sends what was collected for a connection; small frames leave as one, with the receipt on top when there is one.
void flush_deliveries(State& state, Receipts& receipts, Connection& connection, Outbox& outbox);

/// Tells a reader that from..to of the stream are gone, and why.
void send_gaps(State& state, const Stream& stream, Sequence from, Sequence to, ConnectionId to_connection,
               Outbox& outbox);
void send_gap(State& state, StreamId stream, const GoneRange& range, ConnectionId to_connection, Outbox& outbox);

/// Joins the batches of several stored frames into one frame.
cast::wire::Slice join_frames(const cast::wire::Slice* first, std::size_t count, std::uint8_t flags, std::uint32_t aux);

}  // namespace broker
