// Walking through streams without touching them. Pure; broker's thread.
#include "core/looking.hpp"

#include <algorithm>
#include <utility>

#include "wire/frame.hpp"
#include "wire/record.hpp"

namespace broker {

using cast::ErrorCode;
using cast::wire::Slice;

namespace {

constexpr std::size_t kMost = 256;         // looks that wait at a time
constexpr std::size_t kRead = 512u << 10;  // bytes that one of them reads at a time

Seen seen_of(const cast::wire::BatchView& batch, const cast::wire::RecordView& record, Sequence sequence) {
    const cast::wire::BatchHeader& h = batch.header;
    Seen seen;
    seen.stream = h.stream;
    seen.sequence = sequence;
    seen.cast = h.cast;
    seen.sender = h.sender;
    seen.target = h.target;
    seen.type = record.type;
    seen.payload = record.payload.substr(0, kLookPayload);
    seen.headers = record.headers;
    seen.size = record.payload.size();
    seen.priority = h.priority;
    seen.wall_us = h.arrival_us;
    return seen;
}

}  // namespace

void Looking::peek(Asker to, const Node& node, std::size_t count, Now now, Outbox& outbox) {
    Look look;
    look.answer.to = to;
    look.left = count;
    for (const auto& lane : node.lanes)
        if (lane->cursor < lane->stream.last())
            look.parts.push_back({lane->stream.id(), lane->cursor + 1, lane->stream.last(), lane->high_sent});
    begin(std::move(look), now, outbox);
}

void Looking::kept(Asker to, const Group& group, std::size_t count, Sequence before, Now now, Outbox& outbox) {
    Look look;
    look.answer.to = to;
    look.left = count;
    look.newest_first = true;
    const Sequence last = before == 0 ? group.stream.last() : std::min(group.stream.last(), before - 1);
    const Sequence first = std::max(group.stream.first_kept(), last >= count ? last - count + 1 : 1);
    if (first <= last) look.parts.push_back({group.stream.id(), first, last, 0});
    if (first > group.stream.first_kept()) look.answer.next_before = first;
    begin(std::move(look), now, outbox);
}

void Looking::history(Asker to, const Node& node, std::size_t count, std::uint64_t before, Outbox& outbox) {
    Look look;
    look.answer.to = to;
    look.left = count;
    if (node.history == nullptr) return end(look, outbox);
    const std::uint64_t end_number = before == 0 ? ~std::uint64_t{0} : before;
    const std::deque<Remembered>& all = node.history->batches;
    for (auto at = all.rbegin(); at != all.rend() && !full(look); ++at) {
        const auto batch = cast::wire::read_batch(at->frame.view().substr(cast::wire::kFrameHeader));
        if (!batch) continue;
        std::vector<Seen> some;
        cast::wire::Reader in(batch->records);
        for (std::uint32_t i = 0; i < batch->header.count; ++i) {
            const auto record = cast::wire::read_record(in);
            if (!record) break;
            const std::uint64_t number = at->number - batch->header.count + 1 + i;
            if (number >= end_number) break;
            some.push_back(seen_of(*batch, *record, batch->header.sequence + i));
            some.back().number = number;
            some.back().acknowledged = true;
        }
        for (auto one = some.rbegin(); one != some.rend(); ++one) {
            if (full(look)) {
                look.answer.next_before = one->number + 1;
                break;
            }
            look.bytes += one->payload.size() + one->headers.size();
            --look.left;
            look.answer.messages.push_back(std::move(*one));
        }
        if (full(look) && look.answer.next_before == 0 && std::next(at) != all.rend())
            look.answer.next_before = look.answer.messages.back().number;
    }
    end(look, outbox);
}

const Stream* Looking::stream(StreamId id) const {
    const StreamOwner owner = state_.directory.owner(id);
    if (owner.lane != nullptr) return &owner.lane->stream;
    return owner.group != nullptr ? &owner.group->stream : nullptr;
}

void Looking::begin(Look&& look, Now now, Outbox& outbox) {
    const std::uint64_t number = ++last_;
    if (go_on(number, look, now, outbox)) return end(look, outbox);
    if (waiting_.size() >= kMost) {
        if (!paused_.empty() && paused_.back() == number)
            paused_.pop_back();
        else
            outbox.loads.pop_back();
        look.answer.code = ErrorCode::too_many;
        return end(look, outbox);
    }
    waiting_.emplace(number, std::move(look));
}

void Looking::go_on(Now now, Outbox& outbox) {
    for (const std::uint64_t number : std::exchange(paused_, {})) {
        const auto at = waiting_.find(number);
        if (!go_on(number, at->second, now, outbox)) continue;
        end(at->second, outbox);
        waiting_.erase(at);
    }
}

void Looking::end(Look& look, Outbox& outbox) {
    if (look.newest_first) std::reverse(look.answer.messages.begin(), look.answer.messages.end());
    outbox.looks.push_back(std::move(look.answer));
}

void Looking::show(Look& look, Part& part, const Slice& frame) {
    const auto batch = cast::wire::read_batch(frame.view().substr(cast::wire::kFrameHeader));
    if (!batch || batch->last_sequence() < part.next) return;
    cast::wire::Reader in(batch->records);
    for (Sequence s = batch->header.sequence; s <= batch->last_sequence() && s <= part.last && !full(look); ++s) {
        const auto record = cast::wire::read_record(in);
        if (!record) break;
        if (s < part.next) continue;
        part.next = s + 1;
        Seen seen = seen_of(*batch, *record, s);
        seen.redelivered = batch->last_sequence() <= part.had;
        look.bytes += seen.payload.size() + seen.headers.size();
        --look.left;
        look.answer.messages.push_back(std::move(seen));
    }
    if (!full(look)) part.next = std::max(part.next, batch->last_sequence() + 1);
}

bool Looking::go_on(std::uint64_t number, Look& look, Now now, Outbox& outbox) {
    for (; look.at < look.parts.size() && !full(look); ++look.at) {
        Part& part = look.parts[look.at];
        const Stream* s = stream(part.stream);
        while (s != nullptr && part.next <= part.last && !full(look)) {
            if (s->paged_out_at(part.next)) {
                outbox.loads.push_back(s->load(part.next, kRead, number));
                return false;
            }
            const std::size_t i = s->find(part.next);
            const Sequence upto = s->missing_upto(part.next, i);
            if (upto >= part.next) {
                part.next = upto + 1;
            } else if (const StoredBatch& batch = (*s)[i]; batch.gone || batch.expired(now.mono_us)) {
                part.next = batch.last() + 1;
                state_.budget.spend();
                if (state_.may_go_on()) continue;
                paused_.push_back(number);
                return false;
            } else {
                show(look, part, batch.frame);
            }
        }
        if (full(look)) break;
    }
    return true;
}

void Looking::loaded(const Loaded& loaded, Now now, Outbox& outbox) {
    const auto at = waiting_.find(loaded.look);
    if (at == waiting_.end()) return;
    Look& look = at->second;
    Part& part = look.parts[look.at];
    const Stream* s = stream(part.stream);
    const Sequence asked = part.next;
    bool done = state_.sessions.connection(look.answer.to.connection) == nullptr;
    if (loaded.failed && !done) {
        look.answer.code = ErrorCode::store_failed;
        done = true;
    }
    if (!done && s != nullptr) {
        for (const Slice& frame : loaded.frames) {
            const auto batch = cast::wire::read_batch(frame.view().substr(cast::wire::kFrameHeader));
            if (!batch || full(look) || batch->header.sequence > part.last) continue;
            const StoredBatch as_stored = recall_batch(frame, batch->header, now);
            if (as_stored.gone || s->gaps().knows(batch->header.sequence)) continue;
            show(look, part, frame);
        }
        if (!full(look)) part.next = std::max({part.next, asked + 1, std::min(loaded.through, part.last) + 1});
    }
    if (!done && !go_on(loaded.look, look, now, outbox)) return;
    end(look, outbox);
    waiting_.erase(at);
}

}  // namespace broker
