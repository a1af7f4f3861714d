// Tables as maps.
#include "support/memory_disk.hpp"

#include <stdexcept>

#include "store/codec.hpp"
#include "store/tables.hpp"
#include "wire/frame.hpp"

namespace cast::test {

using namespace broker;

namespace {

/// The transaction as another machine would get it.
Transaction sent_as_bytes(const Transaction& transaction) {
    Transaction read;
    const std::string why = decode_transaction(wire::Slice::take(encode_transaction(transaction)), read);
    if (!why.empty()) throw std::logic_error("an encoded transaction cannot be read: " + why);
    if (!(read == transaction)) throw std::logic_error("an encoded transaction is read as another one");
    return read;
}

}  // namespace

void MemoryDisk::apply(const Transaction& transaction) {
    const Transaction t = sent_as_bytes(transaction);
    next_stream_ = t.next_stream;
    forgetful_epoch_ = t.forgetful_epoch;
    session_us_ = t.session_us;
    for (const auto& name : t.nodes_gone) {
        nodes_.erase(name);
        std::erase_if(members_, [&](const auto& m) { return m.first.second == name; });
    }
    for (const StreamId id : t.streams_gone) {
        streams_.erase(id);
        std::erase_if(chunks_, [&](const auto& c) { return c.first.first == id; });
        std::erase_if(members_, [&](const auto& m) { return m.first.first == id; });
    }
    for (const StreamId id : t.dead_letters_gone) {
        streams_.erase(id);
        chunks_.erase({id, 1});
    }
    for (const auto& [node, stream] : t.members_gone) members_.erase({stream, node});
    for (const SessionId id : t.sessions_gone) sessions_.erase(id);
    for (const NodeRow& row : t.nodes) nodes_[row.name] = row;
    for (const StreamRow& row : t.streams) streams_[row.id] = row;
    for (const DeadLetterRow& letter : t.letters) {
        streams_[letter.stream] = stream_of(letter);
        apply(chunk_of(letter));
    }
    for (const MemberRow& row : t.members) members_[{row.stream, row.node}] = row;
    for (const SessionRow& row : t.sessions) sessions_[row.id] = row;
    for (const Erasure& e : t.erasures)
        std::erase_if(chunks_, [&](const auto& c) {
            return c.first.first == e.stream && c.first.second >= e.from && c.second.row.last <= e.through;
        });
    for (const ChunkRow& row : t.chunks) apply(row);
}

void MemoryDisk::apply(const ChunkRow& row) {
    const auto grows = row.extends == 0 ? chunks_.end() : chunks_.find({row.stream, row.extends});
    Chunk& chunk = grows != chunks_.end() ? grows->second : chunks_[{row.stream, row.first}];
    if (grows == chunks_.end()) {
        chunk = Chunk{row, {}};
    } else {
        chunk.row.last = row.last;
        chunk.row.messages += row.messages;
        chunk.row.bytes += row.bytes;
        chunk.row.arrival_us = row.arrival_us;
        if (chunk.row.expires_us == 0 || (row.expires_us != 0 && row.expires_us < chunk.row.expires_us))
            chunk.row.expires_us = row.expires_us;
    }
    chunk.row.frames.clear();
    for (const auto& frame : row.frames) chunk.batches.append(frame.view().substr(cast::wire::kFrameHeader));
}

Recovered MemoryDisk::recover(bool clean) const {
    Recovered all;
    all.clean = clean;
    all.next_stream = next_stream_;
    all.forgetful_epoch = forgetful_epoch_;
    all.session_us = session_us_;
    for (const auto& [key, row] : nodes_) all.nodes.push_back(row);
    for (const auto& [key, row] : streams_) all.streams.push_back(row);
    for (const auto& [key, row] : members_) all.members.push_back(row);
    for (const auto& [key, row] : sessions_) all.sessions.push_back(row);
    for (const auto& [key, chunk] : chunks_) {
        const auto stream = streams_.find(key.first);
        if (stream == streams_.end()) continue;
        const bool is_lane = stream->second.kind < cast::wire::kPriorities;
        if (stream->second.kind >= cast::wire::kGroupStream) all.group_chunks.push_back(chunk.row);
        if (is_lane && chunk.row.expires_us != 0)
            all.expiry_queue.push_back({key.first, key.second, chunk.row.last, chunk.row.expires_us});
    }
    return all;
}

Loaded MemoryDisk::read(const Load& load) const {
    Loaded loaded{load.stream, load.from, load.upto, false, {}, {}, false};
    loaded.browse = load.browse;
    std::size_t bytes = 0;
    for (const auto& [key, chunk] : chunks_) {
        if (key.first != load.stream || chunk.row.last < load.from) continue;
        if (!unpack_chunk(chunk.batches, load.stream, loaded.frames)) loaded.failed = true;
        bytes += chunk.batches.size();
        if (bytes < load.bytes) continue;
        loaded.through = chunk.row.last;
        break;
    }
    return loaded;
}

}  // namespace cast::test
