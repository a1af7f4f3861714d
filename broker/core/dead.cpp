// Burying, and digging up. Pure; broker's thread.
#include "core/dead.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "wire/frame.hpp"
#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using namespace cast::wire;

namespace {

/// Begins the stored frame of a letter.
std::string begin_letter(std::string_view sender) {
    std::string frame;
    begin_frame(frame, Verb::deliver);
    BatchHeader header;
    header.target = kDeadName;
    header.sender = sender;
    begin_batch(frame, header);
    return frame;
}

std::optional<BatchView> batch_of(const Slice& frame) {
    if (frame.size() < kFrameHeader) return std::nullopt;
    return read_batch(frame.view().substr(kFrameHeader));
}

}  // namespace

void DeadLetters::bury(const StoredBatch& batch, Sequence cursor, std::string_view reason, Now now, Sequence last, std::string_view detail) {
    const auto view = batch_of(batch.frame);
    if (!view || state_.config.dead_messages == 0 || state_.config.dead_bytes == 0) return;
    const BatchHeader& h = view->header;
    Letter letter{reason, detail, h.sender, h.target, {}, h.priority, h.arrival_us, {}};
    cast::wire::Reader in(view->records);
    for (Sequence s = batch.first; s <= std::min(last, batch.last()); ++s) {
        const char* begin = in.at();
        if (!read_record(in)) return;
        if (s <= cursor) continue;
        letter.record = std::string_view(begin, static_cast<std::size_t>(in.at() - begin));
        std::string frame = begin_letter(kBrokerName);
        append_letter(frame, letter);
        if (frame.size() > state_.config.dead_bytes) {  // all others would go for it, and it with them
            ++too_large_;
            continue;
        }
        add(std::move(frame), now);
    }
}

ErrorCode DeadLetters::take(const BatchView& batch, Now now) {
    if (batch.header.count > state_.config.dead_messages) return ErrorCode::too_many;
    // Its end would push its beginning out.
    const std::size_t size = batch.records.size() + batch.header.count * begin_letter(batch.header.sender).size();
    if (size > state_.config.dead_bytes) return ErrorCode::too_large;
    for (const bool store : {false, true}) {  // all of it, or nothing
        cast::wire::Reader in(batch.records);
        for (std::uint32_t i = 0; i < batch.header.count; ++i) {
            const auto record = read_record(in);
            if (!record || !read_letter(*record)) return ErrorCode::invalid_argument;
            if (!store) continue;
            std::string frame = begin_letter(batch.header.sender);
            append_record(frame, record->type, record->headers, record->payload);
            add(std::move(frame), now);
        }
    }
    return ErrorCode::ok;
}

void DeadLetters::add(std::string&& frame, Now now) {
    const StreamId stream = state_.directory.take_stream();
    seal_batch(frame, kFrameHeader, ++last_, 1, 0);
    stamp_batch(frame.data() + kFrameHeader, stream, 1, now.wall_us);
    streams_[stream] = last_;
    Stored& stored = letters_[last_];
    stored.stream = stream;
    stored.size = frame.size();
    stored.frame = Slice::take(std::move(frame));
    bytes_ += stored.size;
    ++buried_;
    if (state_.config.durable) state_.unsaved.streams.push_back(stream);
    bound();
}

void DeadLetters::bound() {
    while (!letters_.empty() && (letters_.size() > state_.config.dead_messages || bytes_ > state_.config.dead_bytes))
        erase(letters_.begin());
}

std::map<std::uint64_t, DeadLetters::Stored>::iterator DeadLetters::erase(
    std::map<std::uint64_t, Stored>::iterator at) {
    bytes_ -= at->second.size;
    if (at->second.frame.size() == 0 && !at->second.passed_over) --loading_;
    if (state_.config.durable) state_.unsaved.streams.push_back(at->second.stream);
    streams_.erase(at->second.stream);
    return letters_.erase(at);
}

bool DeadLetters::drop(std::uint64_t id) {
    const auto at = letters_.find(id);
    if (at == letters_.end()) return false;
    erase(at);
    return true;
}

std::optional<DeadView> DeadLetters::view(std::uint64_t id) const {
    const auto at = letters_.find(id);
    const auto batch = at == letters_.end() ? std::nullopt : batch_of(at->second.frame);
    if (!batch) return std::nullopt;
    cast::wire::Reader in(batch->records);
    const auto record = read_record(in);
    const auto letter = record ? read_letter(*record) : std::nullopt;
    if (!letter) return std::nullopt;
    return DeadView{id, batch->header.arrival_us, *letter, *letter_message(*letter)};
}

std::optional<DeadView> DeadLetters::before(std::uint64_t id) const {
    for (auto at = letters_.lower_bound(id); at != letters_.begin();)
        if (auto seen = view((--at)->first)) return seen;
    return std::nullopt;
}

ErrorCode DeadLetters::requeue(std::uint64_t id, Mailboxes& mailboxes, Now now) {
    const auto dead = view(id);
    if (!dead) return ErrorCode::deleted;
    Node* node = state_.directory.node(dead->letter.target);
    if (node == nullptr) return ErrorCode::no_such_node;
    BatchHeader header;
    header.session = kBrokerSession;  // with the letter's stream it is one of a kind
    header.number = letters_.at(id).stream;
    header.count = 1;
    header.priority = static_cast<std::uint8_t>(dead->letter.priority);
    header.target = dead->letter.target;
    header.sender = dead->letter.sender;
    if (const ErrorCode code = mailboxes.admits(*node, header); code != ErrorCode::ok) return code;
    std::string frame;
    begin_frame(frame, Verb::deliver);
    begin_batch(frame, header);
    frame += dead->letter.record;
    seal_batch(frame, kFrameHeader, header.number, 1, 0);
    mailboxes.append(*node, nullptr, header, Slice::take(std::move(frame)), now);
    drop(id);
    return ErrorCode::ok;
}

void DeadLetters::save(StreamId stream, Transaction& transaction) {
    const std::uint64_t number = streams_.at(stream);
    Stored& stored = letters_.at(number);
    if (std::exchange(stored.saved, true)) return;
    StreamRow& row = transaction.streams.emplace_back();
    row.id = stream;
    row.high = number;
    row.kind = kDeadStream;
    row.owner = kDeadName;
    row.last = row.messages = row.chunk_first = 1;
    row.bytes = stored.size;
    row.chunk_bytes = static_cast<std::uint32_t>(stored.size);
    ChunkRow& chunk = transaction.chunks.emplace_back();
    chunk.stream = stream;
    chunk.first = chunk.last = chunk.messages = 1;
    chunk.bytes = stored.size;
    if (const auto batch = batch_of(stored.frame)) chunk.arrival_us = batch->header.arrival_us;
    chunk.frames.push_back(stored.frame);
}

void DeadLetters::restore(const StreamRow& row, Outbox& outbox) {
    Stored& stored = letters_[row.high];
    stored.stream = row.id;
    streams_[row.id] = row.high;
    last_ = std::max(last_, row.high);
    stored.size = row.bytes;
    stored.saved = true;
    bytes_ += row.bytes;
    ++loading_;
    outbox.loads.push_back({row.id, 1, 1});
}

void DeadLetters::loaded(const Loaded& loaded) {
    const auto number = streams_.find(loaded.stream);
    const auto at = number == streams_.end() ? letters_.end() : letters_.find(number->second);
    if (at == letters_.end() || at->second.frame.size() != 0) return;
    if (loaded.frames.empty()) {  // the store lost it: nobody can be shown what it was
        erase(at);
        return;
    }
    at->second.frame = loaded.frames.front();
    if (!std::exchange(at->second.passed_over, false)) --loading_;
}

void DeadLetters::pass_over(StreamId stream) {
    const auto at = letters_.find(streams_.at(stream));
    if (at->second.frame.size() == 0 && !std::exchange(at->second.passed_over, true)) --loading_;
}

}  // namespace broker
