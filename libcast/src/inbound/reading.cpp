// Inbound, the other half: which streams are read for which nodes, acknowledging, reconnects. Pure; under the
// link's lock.
#include <algorithm>
#include <utility>

#include "src/inbound/inbound.hpp"
#include "src/session/session_time.hpp"

namespace cast::detail {

namespace {

constexpr std::uint64_t kEpochs = 2;  // so far back a broker's store knows what it had kept

}  // namespace

std::shared_ptr<Reading> Inbound::begin(Inbox& inbox, ReadStream& stream, std::uint64_t cursor) {
    auto reading = std::make_shared<Reading>();
    reading->inbox = &inbox;
    reading->stream = &stream;
    reading->start = reading->since = cursor;
    reading->next = cursor + 1;
    reading->done = cursor;
    reading->announced = cursor;
    if (const auto at = inbox.legacies.find(stream.key()); at != inbox.legacies.end()) {
        reading->had = at->second.had;
        reading->before = at->second.last;
    }
    stream.readings.push_back(reading);
    inbox.readings.push_back(reading);
    return reading;
}

void Inbound::opened(Inbox& inbox, const std::vector<wire::StreamInfo>& streams, ClientOutbox& out) {
    inboxes_[inbox.name] = &inbox;
    std::vector<wire::Position> earlier = std::exchange(inbox.earlier, {});
    std::sort(earlier.begin(), earlier.end(), [](const auto& a, const auto& b) { return a.stream < b.stream; });
    // What the broker does not name is gone, or (a mailbox) acknowledged to its end.
    std::vector<std::uint64_t> gone;
    for (const auto& r : inbox.readings)
        if (std::none_of(streams.begin(), streams.end(),
                         [&r](const auto& info) { return info.stream == r->stream->id; }))
            gone.push_back(r->stream->id);
    for (const std::uint64_t id : gone) leave(inbox, id, out);
    for (const wire::StreamInfo& info : streams) open(inbox, info, out);
    for (const wire::StreamInfo& info : streams) carry_on(inbox, info, earlier);
}

/// The broker counts what this node says that it had before the restart, and may be lost before it has stored that. So
/// the next one is told of the same beginning. Not where a membership is another one than before: nothing of it was
/// handed out.
void Inbound::carry_on(const Inbox& inbox, const wire::StreamInfo& info, const std::vector<wire::Position>& earlier) {
    const auto at = std::lower_bound(earlier.begin(), earlier.end(), info.stream,
                                     [](const auto& p, std::uint64_t id) { return p.stream < id; });
    if (at == earlier.end() || at->stream != info.stream) return;
    if (at->received > info.cursor || at->acked < info.cursor) return;
    if (info.kind >= wire::kPriorities && info.delivered < info.cursor) return;
    for (const auto& r : streams_.at(info.stream)->readings)
        if (r->inbox == &inbox && r->start == info.cursor) r->since = at->received;
}

void Inbound::open(Inbox& inbox, const wire::StreamInfo& info, ClientOutbox& out) {
    auto& slot = streams_[info.stream];
    if (slot == nullptr) {
        slot = std::make_unique<ReadStream>();
        slot->id = info.stream;
        slot->kind = info.kind;
        slot->group = info.group;
        slot->acked = info.cursor;
        if (!slot->lane()) out.subscriptions.emplace_back(wire::publish_topic(info.stream, epoch_), true);
    }
    ReadStream& stream = *slot;
    stream.tail = std::max(stream.tail, info.last);
    if (stream.lane()) stream.acked = info.cursor;  // what we handled beyond it is acknowledged again
    std::shared_ptr<Reading> reading;
    for (const auto& r : stream.readings)
        if (r->inbox == &inbox) reading = r;
    if (reading == nullptr) reading = begin(inbox, stream, info.cursor);
    skip(*reading, info.cursor);  // somebody else has handled that
    reading->redelivered = std::max(reading->redelivered, info.delivered);
    reading->bound = reading->excepted = true;
    reading->opened = reading->announced = info.cursor;
    activate(stream, 0);
    fetch(stream, out);
}

void Inbound::leave(Inbox& inbox, std::uint64_t id, ClientOutbox& out) {
    for (const auto& r : inbox.readings)
        if (r->stream->id == id) bequeath(r);
    close(inbox, id, out);
}

void Inbound::close(Inbox& inbox, std::uint64_t id, ClientOutbox& out) {
    const auto at = streams_.find(id);
    if (at == streams_.end()) return;
    ReadStream& stream = *at->second;
    auto ours = [&inbox](const std::shared_ptr<Reading>& r) {
        if (r->inbox != &inbox) return false;
        r->stream = nullptr;
        return true;
    };
    std::erase_if(inbox.readings, [&stream](const auto& r) { return r->stream == &stream; });
    std::erase_if(stream.readings, ours);
    if (!stream.readings.empty()) return;
    if (!stream.lane()) out.subscriptions.emplace_back(wire::publish_topic(id, epoch_), false);
    std::erase(active_, &stream);
    streams_.erase(at);
}

void Inbound::close_all(Inbox& inbox, ClientOutbox& out) {
    std::vector<std::uint64_t> ids;
    for (const auto& r : inbox.readings)
        if (r->stream != nullptr) ids.push_back(r->stream->id);
    for (std::uint64_t id : ids) close(inbox, id, out);
    inbox.readings.clear();
    inboxes_.erase(inbox.name);
}

std::vector<wire::Position> Inbound::positions(const Inbox& inbox) const {
    if (!inbox.earlier.empty()) return inbox.earlier;
    std::vector<wire::Position> all;
    for (const auto& r : inbox.readings)
        if (r->stream != nullptr) all.push_back({r->stream->id, r->done.load(), r->next - 1});
    return all;
}

void Inbound::offline() {
    online_ = false;
    for (const auto& [id, stream] : streams_) {
        stream->fetching = false;
        stream->acked = 0;
        for (const auto& r : stream->readings) r->bound = false;
    }
}

/// What this reading had, its successor will know; and it waits for what is not handled yet.
void Inbound::bequeath(const std::shared_ptr<Reading>& r) {
    Legacy& legacy = r->inbox->legacies[r->stream->key()];
    auto had = legacy.had == nullptr ? std::make_shared<Memory>() : std::make_shared<Memory>(*legacy.had);
    for (const ReadStream::DeliveredBatch& seen : r->stream->seen)
        if (seen.last > r->start && seen.last < r->next) had->add(seen.session, seen.number);
    legacy.had = std::move(had);
    // A purged lane and the one in its place may both have something that is not handled yet.
    const auto waited_for = [&r](const auto& older) {
        return older == r || older->idle() || std::find(r->before.begin(), r->before.end(), older) != r->before.end();
    };
    std::erase_if(legacy.last, waited_for);
    legacy.last.push_back(r);
}

/// Of another epoch: what was told to be gone may be there again, and was not handled.
static std::uint64_t had_through(const Reading& r) {
    const std::uint64_t done = r.done.load();
    return r.gap == 0 ? done : std::min(done, std::max(r.start, r.gap - 1));
}

void Inbound::new_epoch(std::uint64_t by, ClientOutbox& out) {
    for (const auto& [name, inbox] : inboxes_) {
        inbox->epochs_ago = inbox->earlier.empty() ? by : inbox->epochs_ago + by;
        for (const auto& r : inbox->readings)
            if (r->stream != nullptr) inbox->earlier.push_back({r->stream->id, had_through(*r), r->since});
        if (by == 0 || inbox->epochs_ago > kEpochs) inbox->earlier.clear();
    }
    for (const auto& [id, stream] : streams_) {
        if (!stream->lane()) out.subscriptions.emplace_back(wire::publish_topic(id, epoch_), false);
        for (const auto& r : stream->readings) {
            bequeath(r);
            r->stream = nullptr;
        }
    }
    for (const auto& [name, inbox] : inboxes_) inbox->readings.clear();
    active_.clear();
    streams_.clear();
}

void Inbound::activate(ReadStream& stream, std::int64_t due_us) {
    ack_due_us_ = active_.empty() ? due_us : std::min(ack_due_us_, due_us);
    if (stream.active) return;
    stream.active = true;
    active_.push_back(&stream);
}

bool Inbound::acknowledge(ReadStream& stream, wire::Ack& ack) {
    wire::AckEntry entry;
    entry.stream = stream.id;
    entry.sequence = stream.acked;
    for (const auto& r : stream.readings) {
        if (r->idle()) r->done = r->next - 1;
        if (r->bound) entry.sequence = std::max(entry.sequence, r->done.load());
    }
    bool changed = entry.sequence > stream.acked;
    bool rests = true;  // nothing is left to acknowledge later
    for (const auto& r : stream.readings) {
        const std::uint64_t done = r->done.load();
        if (!r->bound) continue;
        if (r->next <= stream.tail || !r->idle()) rests = false;
        if (stream.lane()) continue;
        const bool excepted = done < entry.sequence || done <= r->opened;  // as the broker counts it
        if (!r->excepted && !excepted) continue;
        if (r->excepted && excepted && r->announced == done) continue;
        entry.exceptions.push_back({r->inbox->name, done});
        r->excepted = excepted;
        r->announced = done;
        changed = true;
    }
    stream.acked = entry.sequence;
    if (changed) ack.entries.push_back(std::move(entry));
    return rests;
}

std::int64_t Inbound::tick(std::int64_t now_us, bool at_once, ClientOutbox& out) {
    if (active_.empty() || !online_) return kForever;
    if (!at_once && now_us < ack_due_us_ && handled_bytes_ < window_ / 4) return ack_due_us_;
    handled_bytes_ = 0;
    wire::Ack ack;
    std::size_t exceptions = 0;
    bool any = false;
    auto send = [&] {
        out.send(wire::encode(ack));
        ack.entries.clear();
        exceptions = 0;
        any = true;
    };
    std::erase_if(active_, [&](ReadStream* stream) {
        const std::size_t before = ack.entries.size();
        stream->active = !acknowledge(*stream, ack);
        if (ack.entries.size() == before) return !stream->active;
        // A frame holds so many exceptions as a connection may have nodes: those of one stream always fit.
        if (exceptions + ack.entries.back().exceptions.size() > wire::kAckExceptions) {
            wire::AckEntry last = std::move(ack.entries.back());
            ack.entries.pop_back();
            send();
            ack.entries.push_back(std::move(last));
        }
        exceptions += ack.entries.back().exceptions.size();
        if (ack.entries.size() == wire::kAckEntries) send();
        return !stream->active;
    });
    if (!ack.entries.empty()) send();
    // Something is with slow handlers: look again, but not often, unless something was acknowledged just now.
    ack_due_us_ = active_.empty() ? kForever : now_us + (any ? kAckDelay : kAckIdle);
    if (any) acknowledged_ = true;
    return ack_due_us_;
}

}  // namespace cast::detail
