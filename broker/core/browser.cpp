// Walking through streams without touching them. Pure; broker's thread.
#include "core/browser.hpp"

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

MessagePreview preview_of(const cast::wire::BatchView& batch, const cast::wire::RecordView& record, Sequence sequence) {
    const cast::wire::BatchHeader& h = batch.header;
    MessagePreview preview;
    preview.stream = h.stream;
    preview.sequence = sequence;
    preview.cast = h.cast;
    preview.sender = h.sender;
    preview.target = h.target;
    preview.type = record.type;
    preview.payload = record.payload.substr(0, kPreviewPayload);
    preview.headers = record.headers;
    preview.size = record.payload.size();
    preview.priority = h.priority;
    preview.wall_us = h.arrival_us;
    return preview;
}

}  // namespace

void Browser::peek(Asker to, const Node& node, std::size_t count, Now now, Outbox& outbox) {
    Browse browse;
    browse.answer.to = to;
    browse.left = count;
    for (const auto& lane : node.lanes)
        if (lane->cursor < lane->stream.last())
            browse.parts.push_back({lane->stream.id(), lane->cursor + 1, lane->stream.last(), lane->high_sent});
    begin(std::move(browse), now, outbox);
}

void Browser::kept(Asker to, const Group& group, std::size_t count, Sequence before, Now now, Outbox& outbox) {
    Browse browse;
    browse.answer.to = to;
    browse.left = count;
    browse.newest_first = true;
    const Sequence last = before == 0 ? group.stream.last() : std::min(group.stream.last(), before - 1);
    const Sequence first = std::max(group.stream.first_kept(), last >= count ? last - count + 1 : 1);
    if (first <= last) browse.parts.push_back({group.stream.id(), first, last, 0});
    if (first > group.stream.first_kept()) browse.answer.next_before = first;
    begin(std::move(browse), now, outbox);
}

void Browser::history(Asker to, const Node& node, std::size_t count, std::uint64_t before, Outbox& outbox) {
    Browse browse;
    browse.answer.to = to;
    browse.left = count;
    if (node.history == nullptr) return end(browse, outbox);
    const std::uint64_t end_number = before == 0 ? ~std::uint64_t{0} : before;
    const std::deque<Remembered>& all = node.history->batches;
    for (auto at = all.rbegin(); at != all.rend() && !full(browse); ++at) {
        const auto batch = cast::wire::read_batch(at->frame.view().substr(cast::wire::kFrameHeader));
        if (!batch) continue;
        std::vector<MessagePreview> some;
        cast::wire::Reader in(batch->records);
        for (std::uint32_t i = 0; i < batch->header.count; ++i) {
            const auto record = cast::wire::read_record(in);
            if (!record) break;
            const std::uint64_t number = at->number - batch->header.count + 1 + i;
            if (number >= end_number) break;
            some.push_back(preview_of(*batch, *record, batch->header.sequence + i));
            some.back().number = number;
            some.back().acknowledged = true;
        }
        for (auto one = some.rbegin(); one != some.rend(); ++one) {
            if (full(browse)) {
                browse.answer.next_before = one->number + 1;
                break;
            }
            browse.bytes += one->payload.size() + one->headers.size();
            --browse.left;
            browse.answer.messages.push_back(std::move(*one));
        }
        if (full(browse) && browse.answer.next_before == 0 && std::next(at) != all.rend())
            browse.answer.next_before = browse.answer.messages.back().number;
    }
    end(browse, outbox);
}

const Stream* Browser::stream(StreamId id) const {
    const StreamOwner owner = state_.directory.owner(id);
    if (owner.lane != nullptr) return &owner.lane->stream;
    return owner.group != nullptr ? &owner.group->stream : nullptr;
}

void Browser::begin(Browse&& browse, Now now, Outbox& outbox) {
    const std::uint64_t number = ++last_;
    if (go_on(number, browse, now, outbox)) return end(browse, outbox);
    if (waiting_.size() >= kMost) {
        if (!paused_.empty() && paused_.back() == number)
            paused_.pop_back();
        else
            outbox.loads.pop_back();
        browse.answer.code = ErrorCode::too_many;
        return end(browse, outbox);
    }
    waiting_.emplace(number, std::move(browse));
}

void Browser::go_on(Now now, Outbox& outbox) {
    for (const std::uint64_t number : std::exchange(paused_, {})) {
        const auto at = waiting_.find(number);
        if (!go_on(number, at->second, now, outbox)) continue;
        end(at->second, outbox);
        waiting_.erase(at);
    }
}

void Browser::end(Browse& browse, Outbox& outbox) {
    if (browse.newest_first) std::reverse(browse.answer.messages.begin(), browse.answer.messages.end());
    outbox.browse_answers.push_back(std::move(browse.answer));
}

void Browser::show(Browse& browse, Part& part, const Slice& frame) {
    const auto batch = cast::wire::read_batch(frame.view().substr(cast::wire::kFrameHeader));
    if (!batch || batch->last_sequence() < part.next) return;
    cast::wire::Reader in(batch->records);
    for (Sequence s = batch->header.sequence; s <= batch->last_sequence() && s <= part.last && !full(browse); ++s) {
        const auto record = cast::wire::read_record(in);
        if (!record) break;
        if (s < part.next) continue;
        part.next = s + 1;
        MessagePreview preview = preview_of(*batch, *record, s);
        preview.redelivered = batch->last_sequence() <= part.had;
        browse.bytes += preview.payload.size() + preview.headers.size();
        --browse.left;
        browse.answer.messages.push_back(std::move(preview));
    }
    if (!full(browse)) part.next = std::max(part.next, batch->last_sequence() + 1);
}

bool Browser::go_on(std::uint64_t number, Browse& browse, Now now, Outbox& outbox) {
    for (; browse.at < browse.parts.size() && !full(browse); ++browse.at) {
        Part& part = browse.parts[browse.at];
        const Stream* s = stream(part.stream);
        while (s != nullptr && part.next <= part.last && !full(browse)) {
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
                show(browse, part, batch.frame);
            }
        }
        if (full(browse)) break;
    }
    return true;
}

void Browser::loaded(const Loaded& loaded, Now now, Outbox& outbox) {
    const auto at = waiting_.find(loaded.browse);
    if (at == waiting_.end()) return;
    Browse& browse = at->second;
    Part& part = browse.parts[browse.at];
    const Stream* s = stream(part.stream);
    const Sequence asked = part.next;
    bool done = state_.sessions.connection(browse.answer.to.connection) == nullptr;
    if (loaded.failed && !done) {
        browse.answer.code = ErrorCode::store_failed;
        done = true;
    }
    if (!done && s != nullptr) {
        for (const Slice& frame : loaded.frames) {
            const auto batch = cast::wire::read_batch(frame.view().substr(cast::wire::kFrameHeader));
            if (!batch || full(browse) || batch->header.sequence > part.last) continue;
            const StoredBatch as_stored = recall_batch(frame, batch->header, now);
            if (as_stored.gone || s->gaps().knows(batch->header.sequence)) continue;
            show(browse, part, frame);
        }
        if (!full(browse)) part.next = std::max({part.next, asked + 1, std::min(loaded.through, part.last) + 1});
    }
    if (!done && !go_on(loaded.browse, browse, now, outbox)) return;
    end(browse, outbox);
    waiting_.erase(at);
}

}  // namespace broker
