// A transaction in which every member of every row says something, for tests of its encoding. It never changes: its
// bytes are recorded.
#pragma once
#include <string>

#include "core/transaction.hpp"
#include "wire/frame.hpp"

namespace cast::test {

/// A frame of this size and letter; the codec looks at its size alone.
inline wire::Slice frame_of(std::size_t size, char letter) {
    return wire::Slice::take(std::string(wire::kFrameHeader + size, letter));
}

inline broker::Transaction example_transaction() {
    using cast::ErrorCode;
    using wire::GapReason;
    broker::Transaction t;
    t.turn = 0x0102030405060708;
    t.next_stream = 65537;
    t.forgetful_epoch = 3;
    t.session_us = 600'000'000;
    t.nodes_gone = {"alice", "bob"};
    t.streams_gone = {11, 12};
    t.dead_letters_gone = {13};
    t.members_gone = {{"carol", 14}};
    t.sessions_gone = {15, 16};
    t.nodes = {{"dave", true, 5571, 17}, {"eve", false, 0, ~std::uint64_t{0}}};
    broker::StreamRow& stream = t.streams.emplace_back();
    stream = {18, 4, true, "dave", 100, 90, 95, 80, 20, 2000, 81, 1500, {}, 2, 70};
    stream.gone = {{1, 5, GapReason::expired}, {7, 7, GapReason::redeliveries}};
    t.letters = {{19, 20, 1'700'000'000'000'000, frame_of(30, 'l')}};
    t.members = {{"eve", 21, 22, 23}};
    broker::SessionRow& session = t.sessions.emplace_back();
    session.id = 24;
    session.through = 25;
    session.refused = {{26, ErrorCode::mailbox_full}};
    session.delivered = {{27, ErrorCode::ok}, {28, wire::final_code(ErrorCode::expired)}};
    session.blocked = {{"1dave", ErrorCode::no_such_node}};
    session.secret = broker::as_it_is("0123456789abcdef");
    t.erasures = {{29, 30, 31}};
    t.chunks = {{32, 33, 34, 31, 2, 116, 1'700'000'000'000'001, 1'700'000'000'000'002, {}}};
    t.chunks.front().frames = {frame_of(0, 'e'), frame_of(100, 'c')};
    return t;
}

}  // namespace cast::test
