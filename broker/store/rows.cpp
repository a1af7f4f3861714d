// Writing transactions and reading chunks. The store's threads, each with a database of its own.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "store/packing.hpp"
#include "store/tables.hpp"
#include "wire/batch.hpp"
#include "wire/dead_letter.hpp"
#include "wire/frame.hpp"

namespace broker {

using cast::wire::kFrameHeader;
using cast::wire::Slice;

struct TableWriter::Statements {
    explicit Statements(Database& db)
        : begin(db, "BEGIN IMMEDIATE"),
          commit(db, "COMMIT"),
          next_stream(db, "INSERT OR REPLACE INTO meta VALUES('next_stream', ?)"),
          session_time(db, "INSERT OR REPLACE INTO meta VALUES('session_us', ?)"),
          forgetful(db, "INSERT OR REPLACE INTO meta VALUES('forgetful_epoch', ?)"),
          node_gone(db, "DELETE FROM nodes WHERE name = ?"),
          node_members_gone(db, "DELETE FROM members WHERE node = ?"),
          stream_gone(db, "DELETE FROM streams WHERE id = ?"),
          stream_chunks_gone(db, "DELETE FROM chunks WHERE stream = ?"),
          stream_members_gone(db, "DELETE FROM members WHERE stream = ?"),
          dead_letters_gone(db, "DELETE FROM streams WHERE id BETWEEN ? AND ?"),
          dead_letter_chunks_gone(db, "DELETE FROM chunks WHERE stream BETWEEN ? AND ?"),
          member_gone(db, "DELETE FROM members WHERE stream = ? AND node = ?"),
          session_gone(db, "DELETE FROM sessions WHERE id = ?"),
          node(db, "INSERT OR REPLACE INTO nodes VALUES(?, ?, ?, ?)"),
          stream(db, "INSERT OR REPLACE INTO streams VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
          member(db, "INSERT OR REPLACE INTO members(stream, node, cursor, high) VALUES(?, ?, ?, ?)"),
          session(db, "INSERT OR REPLACE INTO sessions VALUES(?, ?, ?, ?)"),
          erase(db, "DELETE FROM chunks WHERE stream = ? AND first >= ? AND first <= ? AND last <= ?"),
          // Not REPLACE: that takes a growing row out first and puts its pages back into the file's free ones.
          chunk(db,
                "INSERT INTO chunks(stream, first, last, messages, bytes, arrival, batches, sum, expires) VALUES(?, ?, "
                "?, ?, ?, ?, ?, ?, nullif(?, 0)) "
                "ON CONFLICT(stream, first) DO UPDATE SET last = excluded.last, messages = excluded.messages, "
                "bytes = excluded.bytes, arrival = excluded.arrival, batches = excluded.batches, sum = excluded.sum, "
                "expires = min(coalesce(expires, excluded.expires), coalesce(excluded.expires, expires))"),
          chunk_of(db, "SELECT messages, bytes, batches, sum FROM chunks WHERE stream = ? AND first = ?") {}
    Statement begin, commit, next_stream, session_time, forgetful, node_gone, node_members_gone, stream_gone,
        stream_chunks_gone, stream_members_gone, dead_letters_gone, dead_letter_chunks_gone, member_gone, session_gone;
    Statement node, stream, member, session, erase, chunk, chunk_of;
};

TableWriter::TableWriter(Database& database) : database_(database), s_(std::make_unique<Statements>(database)) {}
TableWriter::~TableWriter() = default;

void TableWriter::write(const Transaction& t) {
    if (sqlite3_get_autocommit(database_.handle()) == 0) database_.run("ROLLBACK");  // of an attempt that failed
    s_->begin.run();
    if (t.next_stream != next_stream_) s_->next_stream.bind(t.next_stream).run();
    if (t.session_us != session_us_) s_->session_time.bind(t.session_us).run();
    if (t.forgetful_epoch != forgetful_epoch_) s_->forgetful.bind(t.forgetful_epoch).run();
    write_gone(t);
    write_rows(t);
    for (const Erasure& e : t.erasures) s_->erase.bind(e.stream).bind(e.from).bind(e.through).bind(e.through).run();
    for (const DeadLetterRow& letter : t.letters) write_chunk(chunk_of(letter));
    for (const ChunkRow& chunk : t.chunks) write_chunk(chunk);
    s_->commit.run();
    next_stream_ = t.next_stream;  // not before: an attempt that fails has written neither
    forgetful_epoch_ = t.forgetful_epoch;
    session_us_ = t.session_us;
}

void TableWriter::write_gone(const Transaction& t) {
    for (const std::string& name : t.nodes_gone) {
        s_->node_gone.bind(std::string_view(name)).run();
        s_->node_members_gone.bind(std::string_view(name)).run();
    }
    for (const StreamId id : t.streams_gone) {
        s_->stream_gone.bind(id).run();
        s_->stream_chunks_gone.bind(id).run();
        s_->stream_members_gone.bind(id).run();
    }
    write_dead_letters_gone(t.dead_letters_gone);
    for (const auto& [node, stream] : t.members_gone) s_->member_gone.bind(stream).bind(std::string_view(node)).run();
    for (const SessionId id : t.sessions_gone) s_->session_gone.bind(id).run();
}

/// Mostly many that came one after the other: they go by two statements.
void TableWriter::write_dead_letters_gone(std::vector<StreamId> ids) {
    std::sort(ids.begin(), ids.end());
    for (std::size_t i = 0, end = 0; i < ids.size(); i = end) {
        for (end = i + 1; end < ids.size() && ids[end] == ids[end - 1] + 1;) ++end;
        s_->dead_letters_gone.bind(ids[i]).bind(ids[end - 1]).run();
        s_->dead_letter_chunks_gone.bind(ids[i]).bind(ids[end - 1]).run();
    }
}

void TableWriter::write_stream(const StreamRow& row) {
    const std::string gone = pack_gone(row.gone);
    s_->stream.bind(row.id)
        .bind(std::uint64_t{row.kind})
        .bind(std::uint64_t{row.created})
        .bind(std::string_view(row.owner))
        .bind(row.last);
    s_->stream.bind(row.floor)
        .bind(row.high)
        .bind(row.passed)
        .bind(row.messages)
        .bind(row.bytes)
        .bind(row.chunk_first)
        .bind(std::uint64_t{row.chunk_bytes});
    s_->stream.bind_blob(gone).bind(std::uint64_t{row.delivery_attempts}).bind(row.began).run();
}

void TableWriter::write_rows(const Transaction& t) {
    for (const NodeRow& row : t.nodes)
        s_->node.bind(std::string_view(row.name))
            .bind(std::uint64_t{row.created})
            .bind(static_cast<std::uint64_t>(row.port))
            .bind(row.holder)
            .run();
    for (const StreamRow& row : t.streams) write_stream(row);
    for (const DeadLetterRow& letter : t.letters) write_stream(stream_of(letter));
    for (const MemberRow& row : t.members)
        s_->member.bind(row.stream).bind(std::string_view(row.node)).bind(row.cursor).bind(row.high).run();
    for (const SessionRow& row : t.sessions) {
        const std::string outcomes = pack_outcomes(row);
        const std::string secret(row.secret.begin(), row.secret.end());
        s_->session.bind(row.id).bind(row.through).bind_blob(outcomes).bind_blob(secret).run();
    }
}

/// Puts the chunk that this one extends before it. One that is damaged stays as it is, and alone.
bool TableWriter::begin_with(const ChunkRow& chunk, std::uint64_t& messages, std::uint64_t& bytes) try {
    s_->chunk_of.bind(chunk.stream).bind(chunk.extends);
    if (!s_->chunk_of.step()) return false;
    const std::string_view there = s_->chunk_of.bytes(2);
    const bool sound = s_->chunk_of.null(3) || s_->chunk_of.number(3) == sum_of(there);
    if (sound) {
        messages += s_->chunk_of.number(0);
        bytes += s_->chunk_of.number(1);
        blob_ = there;
    }
    s_->chunk_of.reset();
    return sound;
} catch (const SqliteError& error) {
    if (!error.corrupt()) throw;
    return false;
}

void TableWriter::write_chunk(const ChunkRow& chunk) {
    blob_.clear();
    std::uint64_t first = chunk.first, messages = chunk.messages, bytes = chunk.bytes;
    if (chunk.extends != 0 && begin_with(chunk, messages, bytes)) first = chunk.extends;
    for (const Slice& frame : chunk.frames) blob_.append(frame.data() + kFrameHeader, frame.size() - kFrameHeader);
    s_->chunk.bind(chunk.stream).bind(first).bind(chunk.last).bind(messages).bind(bytes).bind(chunk.arrival_us);
    s_->chunk.bind_blob(blob_).bind(sum_of(blob_)).bind(chunk.expires_us).run();
}

StreamRow stream_of(const DeadLetterRow& letter) {
    StreamRow row;
    row.id = letter.stream;
    row.high = letter.number;
    row.kind = kDeadLetterStream;
    row.owner = cast::wire::kDeadLetters;
    row.last = row.messages = row.chunk_first = 1;
    row.bytes = letter.frame.size();
    row.chunk_bytes = static_cast<std::uint32_t>(row.bytes);
    return row;
}

ChunkRow chunk_of(const DeadLetterRow& letter) {
    ChunkRow row;
    row.stream = letter.stream;
    row.first = row.last = row.messages = 1;
    row.bytes = letter.frame.size();
    row.arrival_us = letter.dead_at_us;
    row.frames.push_back(letter.frame);
    return row;
}

std::uint64_t sum_of(std::string_view blob) { return XXH3_64bits(blob.data(), blob.size()) | 1; }

ChunkReader::ChunkReader(Database& database)
    : rows_(database,
            "SELECT last, batches, first, sum FROM chunks WHERE stream = ?1 AND first >= coalesce((SELECT first FROM "
            "chunks "
            "WHERE stream = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1), ?2) ORDER BY first") {}

Loaded ChunkReader::read(const Load& load, bool& broken) {
    Loaded loaded{load.stream, load.from, load.upto, false, {}, {}, false};
    std::size_t bytes = 0;
    Sequence through = 0;  // of the last chunk that could be read
    try {
        rows_.bind(load.stream).bind(load.from);
        while (rows_.step()) {
            const Sequence last = rows_.number(0), first = rows_.number(2);
            const std::string_view blob = rows_.bytes(1);
            if (last < load.from) continue;  // a hole follows it
            const std::size_t before = loaded.frames.size();
            const bool known = rows_.null(3) || rows_.number(3) == sum_of(blob);
            if (!known || !unpack_chunk(blob, load.stream, loaded.frames)) {
                loaded.frames.resize(before);
                loaded.failed = loaded.corrupt = true;
                loaded.damaged = last;
                loaded.why = "its messages " + std::to_string(first) + " to " + std::to_string(last) +
                             " are not what was written";
                rows_.reset();
                break;
            }
            through = last;
            bytes += blob.size();
            if (bytes < load.bytes) continue;
            loaded.through = last;
            rows_.reset();
            break;
        }
    } catch (const SqliteError& error) {
        broken = loaded.failed = true;
        loaded.corrupt = error.corrupt();
        loaded.why = error.what();
    }
    if (loaded.failed && !loaded.frames.empty()) {  // the next load begins where this one ends, and tells
        loaded.failed = loaded.corrupt = false;
        loaded.damaged = 0;
        loaded.through = through;
    }
    return loaded;
}

bool unpack_chunk(std::string_view blob, StreamId stream, std::vector<Slice>& frames) {
    std::size_t count = 0;
    bool whole = cast::wire::for_each_batch(blob, [&](const cast::wire::BatchView&) { ++count; });
    auto owner = std::make_shared_for_overwrite<char[]>(blob.size() + count * kFrameHeader);
    char* at = owner.get();
    cast::wire::for_each_batch(blob, [&](const cast::wire::BatchView& batch) {
        whole = whole && batch.header.stream == stream;
        cast::wire::write_frame_header(at, cast::wire::Verb::deliver);
        std::memcpy(at + kFrameHeader, batch.bytes.data(), batch.bytes.size());
        frames.emplace_back(owner, at, kFrameHeader + batch.bytes.size());
        at += kFrameHeader + batch.bytes.size();
    });
    return whole;
}

}  // namespace broker
