// Receiving: batches into queues, in order, once. Pure; under the link's lock.
#include "src/inbound/inbound.hpp"

#include <algorithm>

#include "src/session/session_time.hpp"

namespace cast::detail {
namespace {

constexpr std::size_t kDeliveredKept = 4096;
constexpr int kStalledTails = 2;

}  // namespace

bool Inbox::pop(Item& item) {
    if (items == 0) return false;
    for (std::size_t p = queues.size(); p-- > 0;) {
        if (queues[p].empty()) continue;
        item = std::move(queues[p].front());
        queues[p].pop_front();
        --items;
        return true;
    }
    return false;
}

void Inbox::end(ErrorCode why) {
    closed = why;
    notify = true;
    for (auto& queue : queues) queue.clear();
    items = bytes = 0;
}

std::string ReadStream::key() const { return lane() ? std::string(1, static_cast<char>('0' + kind)) : "#" + group; }

void Memory::add(std::uint64_t session, std::uint64_t number) {
    if (!known_.insert({session, number}).second) return;
    order_.emplace_back(session, number);
    if (order_.size() <= kDeliveredKept) return;
    known_.erase(order_.front());
    order_.pop_front();
}

void Inbound::deliver(const wire::Slice& batches, std::int64_t now_us, ClientOutbox& out) {
    take_batches(batches, now_us, out);
}

void Inbound::published(const wire::Slice& batches, std::int64_t now_us, ClientOutbox& out) {
    ++published_;
    take_batches(batches, now_us, out);
}

void Inbound::take_batches(const wire::Slice& batches, std::int64_t now_us, ClientOutbox& out) {
    ReadStream* touched = nullptr;
    std::size_t at = 0;
    while (at < batches.size()) {
        const auto view = wire::read_batch(batches.view().substr(at));
        if (!view) break;  // the rest cannot be told apart; the gap shows and is fetched
        const std::size_t size = view->bytes.size();
        const auto found = streams_.find(view->header.stream);
        ReadStream* stream = found != streams_.end() ? found->second.get() : lane_of(view->header);
        if (stream != nullptr) {
            auto batch = std::make_shared<ReceivedBatch>();
            batch->bytes = batches.part(at, size);
            batch->view = *view;
            accept(*stream, batch);
            activate(*stream, now_us + kAckDelay);
            if (touched != nullptr && touched != stream) fetch(*touched, out);
            touched = stream;
        }
        at += size;
    }
    if (touched != nullptr) fetch(*touched, out);
}

ReadStream* Inbound::lane_of(const wire::BatchHeader& h) {
    if (h.cast != wire::Cast::unicast) return nullptr;
    const auto at = inboxes_.find(std::string(h.target));
    if (at == inboxes_.end()) return nullptr;
    auto& stream = streams_[h.stream];
    stream = std::make_unique<ReadStream>();
    stream->id = h.stream;
    stream->kind = h.priority;
    stream->acked = h.sequence - 1;
    begin(*at->second, *stream, h.sequence - 1);
    return stream.get();
}

void Inbound::accept(ReadStream& stream, const std::shared_ptr<const ReceivedBatch>& batch) {
    const wire::BatchHeader& h = batch->view.header;
    const std::uint64_t last = batch->view.last_sequence();
    stream.tail = std::max(stream.tail, last);
    bool taken = false;
    for (const auto& reading : stream.readings) {
        hand(*reading, reading, batch);
        taken = taken || reading->next == last + 1;
    }
    if (!taken || h.session == 0) return;  // the broker's own events are never sent again
    auto at = stream.seen.end();
    if (!stream.seen.empty() && stream.seen.back().last >= last) {  // a node that is behind
        at = std::lower_bound(stream.seen.begin(), at, last,
                              [](const ReadStream::DeliveredBatch& s, std::uint64_t l) { return s.last < l; });
        if (at->last == last) return;
    }
    stream.seen.insert(at, {h.session, h.number, last});
    if (stream.seen.size() > kDeliveredKept) stream.seen.pop_front();
}

void Inbound::hand(Reading& r, const std::shared_ptr<Reading>& shared,
                   const std::shared_ptr<const ReceivedBatch>& batch) {
    const wire::BatchHeader& h = batch->view.header;
    const std::uint64_t last = batch->view.last_sequence();
    if (!r.bound) return;  // not the reader (now)
    if (r.next > last) {   // has it; what had been handed out when the ACK came bounded that
        if (r.stream->lane()) r.stream->acked = std::min(r.stream->acked, h.sequence - 1);
        return;
    }
    if (r.next < h.sequence && !r.stream->lane()) return;  // something is missing before it: fetch() sees to that
    if (r.had != nullptr && r.had->has(h.session, h.number)) return skip(r, last);
    Inbox& inbox = *r.inbox;
    const bool own_echo = h.cast != wire::Cast::unicast && h.sender == inbox.name && (h.flags & wire::kEcho) == 0;
    if (own_echo) return skip(r, last);
    if (!r.stream->lane()) {
        if (inbox.bytes >= inbox.window) return;  // over its share: this copy is dropped and fetched later
        inbox.bytes += batch->bytes.size();
    }
    const std::uint64_t from = std::max(r.next, h.sequence);
    r.next = last + 1;
    ++r.outstanding;
    // All members of a group see one order: priorities are for mailboxes.
    inbox.queues[r.stream->lane() ? h.priority : wire::kDefaultPriority].push_back({batch, shared, from});
    inbox.came();
}

void Inbound::skip(Reading& r, std::uint64_t to) {
    if (to < r.next) return;
    r.next = to + 1;
    if (r.idle()) r.done = to;
}

void Inbound::handled_some(const Item& item, std::int64_t now_us) {
    if (item.reading->stream != nullptr) activate(*item.reading->stream, now_us + kAckDelay);
}

void Inbound::finished(const Item& item, std::int64_t now_us, ClientOutbox& out) {
    Reading& r = *item.reading;
    Inbox& inbox = *r.inbox;
    const bool counted = item.batch->view.header.cast != wire::Cast::unicast;
    if (counted) inbox.bytes -= std::min(inbox.bytes, item.batch->bytes.size());
    --r.outstanding;
    if (r.stream == nullptr) return;  // its node or stream is gone
    handled_bytes_ += item.batch->bytes.size();
    if (r.idle()) r.done = r.next - 1;
    activate(*r.stream, now_us + kAckDelay);
    if (!counted) return;
    if (r.next <= r.stream->tail && inbox.bytes <= inbox.window / 2) fetch(*r.stream, out);
}

void Inbound::gap(const wire::Gap& gap, std::int64_t now_us, ClientOutbox& out) {
    const auto at = streams_.find(gap.stream);
    if (at == streams_.end()) return;  // of an earlier hold
    ReadStream& stream = *at->second;
    stream.tail = std::max(stream.tail, gap.to);
    static constexpr const char* kReasons[] = {"gone",
                                               "expired",
                                               "let go by the retention",
                                               "purged",
                                               "lost",
                                               "malformed",
                                               "given up: their readers went without acknowledging them"};
    const auto reason = static_cast<std::size_t>(gap.reason);
    for (const auto& reading : stream.readings) {
        Reading& r = *reading;
        if (r.next > gap.to || (r.next < gap.from && !stream.lane())) continue;
        out.notices.push_back({Notice::Kind::gap, r.inbox->name, gap.to - std::max(r.next, gap.from) + 1,
                               std::string("messages ") + kReasons[reason < std::size(kReasons) ? reason : 0]});
        if (r.gap == 0) r.gap = std::max(r.next, gap.from);
        skip(r, gap.to);
    }
    activate(stream, now_us + kAckDelay);
}

void Inbound::fetched(const wire::Fetched& fetched, std::int64_t now_us, ClientOutbox& out) {
    const auto at = streams_.find(fetched.stream);
    if (at == streams_.end()) return;
    at->second->fetching = false;
    activate(*at->second, now_us + kAckDelay);
    if (fetched.through >= fetched.from) fetch(*at->second, out);  // else there is nothing now; a TAIL will tell
}

void Inbound::tail(const wire::Tail& tail, ClientOutbox& out) {
    const auto at = streams_.find(tail.stream);
    if (at == streams_.end()) return;
    ReadStream& stream = *at->second;
    if (tail.sequence > stream.tail) {  // SUB did not bring it
        stalled_ = published_ == published_seen_ ? stalled_ + 1 : 0;
        published_seen_ = published_;
        if (stalled_ >= kStalledTails) {
            out.renew_subscriptions = true;
            stalled_ = 0;
        }
    }
    stream.tail = std::max(stream.tail, tail.sequence);
    activate(stream, 0);
    fetch(stream, out);
}

void Inbound::fetch(ReadStream& stream, ClientOutbox& out) {
    if (stream.lane() || stream.fetching || !online_) return;
    std::uint64_t from = kForever;
    for (const auto& r : stream.readings)
        if (r->bound && r->next <= stream.tail && r->inbox->bytes < r->inbox->window) from = std::min(from, r->next);
    if (from == static_cast<std::uint64_t>(kForever)) return;
    stream.fetching = true;
    out.send(wire::encode(wire::Fetch{stream.id, from, wire::kFetchBytes}));
}

}  // namespace cast::detail
