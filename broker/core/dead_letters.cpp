// Burying, and digging up. Pure; broker's thread.
#include "core/dead_letters.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "wire/frame.hpp"
#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using namespace cast::wire;

namespace {

constexpr std::uint64_t kCutAtOnce = 16;  // of a batch with so few there is nothing to spread
constexpr int kLettersAtOnce = 256;       // the limits may have been larger: what is beyond them goes in steps

/// Begins the stored frame of a letter.
std::string begin_letter(std::string_view sender) {
    std::string frame;
    begin_frame(frame, Verb::deliver);
    BatchHeader header;
    header.target = kDeadLetters;
    header.sender = sender;
    begin_batch(frame, header);
    return frame;
}

std::optional<BatchView> batch_of(const Slice& frame) {
    if (frame.size() < kFrameHeader) return std::nullopt;
    return read_batch(frame.view().substr(kFrameHeader));
}

}  // namespace

void DeadLetters::bury(const StoredBatch& batch, Sequence cursor, std::string_view reason, Now now, Sequence last,
                       std::string_view detail) {
    const auto view = batch_of(batch.frame);
    last = std::min(last, batch.last());
    cursor = std::max(cursor, batch.first - 1);
    if (!view || cursor >= last || config_.dead_letter_messages == 0 || config_.dead_letter_bytes == 0) return;
    const BatchHeader& h = view->header;
    Uncut uncut{batch.frame, {}, batch.first, cursor, last, 0, false, now};
    uncut.headers =
        encode_headers(dead_letter_headers({reason, detail, h.sender, h.target, {}, h.priority, h.arrival_us, {}}));
    uncut.certain = view->records.size() + kDeadLetterOverhead <= config_.dead_letter_bytes;
    if (uncut.certain) certain_ += uncut.count();
    uncut_bytes_ += batch.frame.size();
    uncut_.push_back(std::move(uncut));
    leave_out();
    while (uncut_bytes_ > config_.dead_letter_bytes) cut(uncut_.front().count() + 1);
    if (uncut_.size() == 1 && uncut_.front().count() <= kCutAtOnce) settle();
}

/// Those that what follows them would push out again at once are never cut. What may be too large itself pushes out
/// nothing.
void DeadLetters::leave_out() {
    const std::uint64_t most = config_.dead_letter_messages;
    while (!uncut_.empty() && certain_ > most) {
        Uncut& oldest = uncut_.front();
        const std::uint64_t behind = certain_ - (oldest.certain ? oldest.count() : 0);
        const std::uint64_t out = oldest.certain   ? std::min(oldest.count(), certain_ - most)
                                  : behind >= most ? oldest.count()
                                                   : 0;
        if (out == 0) return;
        buried_ += out;
        dropped_ += out;
        if (oldest.certain) certain_ -= out;
        oldest.cursor += out;
        if (oldest.cursor == oldest.last) pop_uncut();
    }
}

void DeadLetters::cut(std::size_t most) {
    const std::string begin = uncut_.empty() ? "" : begin_letter(kBrokerName);
    while (!uncut_.empty() && most > 0) {
        Uncut& uncut = uncut_.front();
        const std::string_view records = batch_of(uncut.frame)->records;
        cast::wire::Reader in(records.substr(uncut.offset));
        for (; uncut.next <= uncut.last && most > 0; ++uncut.next) {
            const char* at = in.at();
            if (!read_record(in)) break;
            const std::string_view record(at, static_cast<std::size_t>(in.at() - at));
            uncut.offset += record.size();
            if (uncut.next <= uncut.cursor) continue;
            ++uncut.cursor;
            --most;
            if (uncut.certain) --certain_;
            cut_out(begin, uncut.headers, record, uncut.died);
        }
        if (most > 0) {  // all of it; or the rest does not parse
            if (uncut.certain) certain_ -= uncut.count();
            pop_uncut();
        }
    }
}

void DeadLetters::pop_uncut() {
    uncut_bytes_ -= uncut_.front().frame.size();
    uncut_.pop_front();
}

void DeadLetters::cut_out(const std::string& begin, const std::string& headers, std::string_view record, Now died) {
    std::string frame;
    frame.reserve(begin.size() + record_bound(kDeadLetterType, headers, record));
    frame = begin;
    append_record(frame, kDeadLetterType, headers, record);
    if (frame.size() > config_.dead_letter_bytes)  // all others would go for it, and it with them
        ++too_large_;
    else
        add(std::move(frame), died);
}

ErrorCode DeadLetters::take(const BatchView& batch, Now now) {
    if (batch.header.count > config_.dead_letter_messages) return ErrorCode::too_many;
    // Its end would push its beginning out.
    const std::size_t size = batch.records.size() + batch.header.count * begin_letter(batch.header.sender).size();
    if (size > config_.dead_letter_bytes) return ErrorCode::too_large;
    for (const bool store : {false, true}) {  // all of it, or nothing
        cast::wire::Reader in(batch.records);
        for (std::uint32_t i = 0; i < batch.header.count; ++i) {
            const auto record = read_record(in);
            if (!record || !read_dead_letter(*record)) return ErrorCode::invalid_argument;
            if (!store) continue;
            std::string frame = begin_letter(batch.header.sender);
            append_record(frame, record->type, record->headers, record->payload);
            add(std::move(frame), now);
        }
    }
    return ErrorCode::ok;
}

void DeadLetters::add(std::string&& frame, Now now) {
    const StreamId stream = directory_.take_stream();
    seal_batch(frame, kFrameHeader, ++last_, 1, 0);
    stamp_batch(frame.data() + kFrameHeader, stream, 1, now.wall_us);
    streams_[stream] = last_;
    Stored& stored = letters_.emplace_hint(letters_.end(), last_, Stored())->second;
    stored.stream = stream;
    stored.dead_at_us = now.wall_us;
    stored.size = frame.size();
    stored.frame = Slice::take(std::move(frame));
    bytes_ += stored.size;
    ++buried_;
    budget_.spend();
    dirty_.touch_letters();
    bound();
}

void DeadLetters::bound() { trim(kLettersAtOnce); }

bool DeadLetters::trim(int most) {
    const auto beyond = [this] {
        return letters_.size() > config_.dead_letter_messages || bytes_ > config_.dead_letter_bytes;
    };
    while (beyond() && --most >= 0) {
        erase(letters_.begin());
        ++dropped_;
    }
    return beyond();
}

std::map<std::uint64_t, DeadLetters::Stored>::iterator DeadLetters::erase(
    std::map<std::uint64_t, Stored>::iterator at) {
    bytes_ -= at->second.size;
    if (at->second.frame.size() == 0 && !at->second.passed_over) --loading_;
    if (at->first <= saved_) {  // the store has it, or is about to
        gone_.push_back(at->second.stream);
        dirty_.letters = true;
    }
    streams_.erase(at->second.stream);
    return letters_.erase(at);
}

bool DeadLetters::drop(std::uint64_t id) {
    const auto at = letters_.find(id);
    if (at == letters_.end()) return false;
    erase(at);
    return true;
}

std::optional<DeadLetterView> DeadLetters::view(std::uint64_t id) const {
    const auto at = letters_.find(id);
    const auto batch = at == letters_.end() ? std::nullopt : batch_of(at->second.frame);
    if (!batch) return std::nullopt;
    cast::wire::Reader in(batch->records);
    const auto record = read_record(in);
    const auto letter = record ? read_dead_letter(*record) : std::nullopt;
    if (!letter) return std::nullopt;
    return DeadLetterView{id, batch->header.arrival_us, *letter, *dead_letter_message(*letter)};
}

std::optional<DeadLetterView> DeadLetters::before(std::uint64_t id) {
    settle();
    for (auto at = letters_.lower_bound(id); at != letters_.begin();)
        if (auto seen = view((--at)->first)) return seen;
    return std::nullopt;
}

std::optional<DeadLetterView> DeadLetters::after(std::uint64_t id) {
    settle();
    for (auto at = letters_.upper_bound(id); at != letters_.end(); ++at)
        if (auto seen = view(at->first)) return seen;
    return std::nullopt;
}

ErrorCode DeadLetters::requeue(std::uint64_t id, Mailboxes& mailboxes, Now now) {
    const auto dead = view(id);
    if (!dead) return ErrorCode::deleted;
    Node* node = directory_.node(dead->letter.target);
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

/// What came and went since the last transaction is nothing to the store.
void DeadLetters::save(Transaction& transaction) {
    settle();
    if (!std::exchange(dirty_.letters, false)) return;
    transaction.dead_letters_gone = std::exchange(gone_, {});
    for (auto at = letters_.upper_bound(saved_); at != letters_.end(); ++at)
        transaction.letters.push_back({at->second.stream, at->first, at->second.dead_at_us, at->second.frame});
    saved_ = last_;
}

void DeadLetters::restore(const StreamRow& row, Outbox& outbox) {
    Stored& stored = letters_[row.high];
    stored.stream = row.id;
    streams_[row.id] = row.high;
    last_ = saved_ = std::max(last_, row.high);
    stored.size = row.bytes;
    bytes_ += row.bytes;
    ++loading_;
    outbox.loads.push_back({row.id, 1, 1});
}

void DeadLetters::loaded(const Loaded& loaded) {
    const auto number = streams_.find(loaded.stream);
    const auto at = number == streams_.end() ? letters_.end() : letters_.find(number->second);
    if (at == letters_.end() || at->second.frame.size() != 0) return;
    if (loaded.frames.empty()) return lost(loaded.stream);
    at->second.frame = loaded.frames.front();
    if (!std::exchange(at->second.passed_over, false)) --loading_;
}

void DeadLetters::lost(StreamId stream) {
    const auto at = letters_.find(streams_.at(stream));
    if (at->second.frame.size() == 0) erase(at);
}

void DeadLetters::pass_over(StreamId stream) {
    const auto at = letters_.find(streams_.at(stream));
    if (at->second.frame.size() == 0 && !std::exchange(at->second.passed_over, true)) --loading_;
}

}  // namespace broker
