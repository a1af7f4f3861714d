// What waits, what is due, and what becomes of it. Pure; broker's thread.
#include "core/scheduled.hpp"

#include <algorithm>
#include <iterator>

#include "wire/frame.hpp"
#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using namespace cast::wire;

namespace {

constexpr std::size_t kLogged = 256;        // lines of one turn
constexpr std::size_t kCopied = 4096;       // bytes that are copied in a step
constexpr std::int64_t kRetry = 100 * kMs;  // full targets are tried again
constexpr std::size_t kLoad = 1u << 20;     // bytes read back at a time after a start

std::uint64_t due_of(const BatchHeader& header, Now now) {
    return header.arrival_us < kDelayBelow ? now.wall_us + header.arrival_us : header.arrival_us;
}

/// For how long it has been due; negative: it is not.
std::int64_t since(std::uint64_t due_us, Now now) { return static_cast<std::int64_t>(now.wall_us - due_us); }

std::optional<BatchView> read_scheduled(const Slice& frame) { return read_batch(frame.view().substr(kFrameHeader)); }

/// As it goes into its target's stream. The store may still be reading the bytes that waited.
Slice frame_now(const Slice& waited) {
    auto owner = std::make_shared_for_overwrite<char[]>(waited.size());
    std::memcpy(owner.get(), waited.data(), waited.size());
    clear_scheduled(owner.get() + kFrameHeader);
    const char* data = owner.get();
    return Slice(std::move(owner), data, waited.size());
}

}  // namespace

ErrorCode Scheduled::admits(const BatchHeader& header, Now now) const {
    const Config& c = state_.config;
    if (reserved_name(header.target)) return ErrorCode::forbidden;  // it may not outlive its session
    const std::uint64_t due_us = due_of(header, now);
    if (due_us > now.wall_us && due_us - now.wall_us > static_cast<std::uint64_t>(c.scheduled_us))
        return ErrorCode::invalid_argument;
    const bool many =
        messages() >= c.scheduled_messages || bytes() >= c.scheduled_bytes || state_.memory_bytes() >= c.memory_budget;
    return many ? ErrorCode::too_many : ErrorCode::ok;
}

void Scheduled::append(const BatchHeader& header, Slice frame, Now now) {
    if (id_ == 0) id_ = state_.directory.take_stream();
    ScheduledBatch entry;
    entry.due_us = due_of(header, now);
    if (header.arrival_us < kDelayBelow) entry.mono_us = now.mono_us + static_cast<std::int64_t>(header.arrival_us);
    entry.count = header.count;
    entry.size = static_cast<std::uint32_t>(frame.size());
    const Sequence id = last_ + 1;
    last_ += header.count;
    stamp_batch(const_cast<char*>(frame.data()) + kFrameHeader, id_, id, entry.due_us);
    entry.frame = std::move(frame);
    usage_.add(entry.size, entry.count);
    if (entry.mono_us == kNever)
        due_.emplace(entry.due_us, id);
    else
        delayed_.emplace(entry.mono_us, id);
    held_.emplace_hint(held_.end(), id, std::move(entry));
    if (!state_.config.durable) return;
    dirty_.push_back(id);
    touch();
}

void Scheduled::touch() {
    if (!state_.config.durable || std::exchange(touched_, true)) return;
    state_.dirty.streams.push_back(id_);
}

std::int64_t Scheduled::tick(Now now, Outbox& outbox) {
    if (held_.empty()) {  // mostly
        full_.clear();
        return retry_us_ = kNever;
    }
    if (retry_us_ <= now.mono_us) retry(now, outbox);
    Next due = next(now);
    for (bool once = true; due.id != 0 && due.over_us >= 0 && (once || state_.may_go_on());
         once = false, due = next(now)) {
        state_.budget.spend();
        if (!unread_.empty()) {
            const auto& [due_us, id] = *unread_.begin();
            const std::int64_t over_us = since(due_us, now);
            const bool before = over_us > due.over_us || (over_us == due.over_us && id < due.id);
            if (before) return retry_us_;  // first that one has to be read back
        }
        const auto at = held_.find(due.id);
        unlist(at);
        const auto batch = read_scheduled(at->second.frame);
        const std::string destination = destination_key(batch->header.cast, batch->header.target);
        const auto waiting = full_.find(destination);
        if (waiting != full_.end()) {
            waiting->second.push_back(at->first);
        } else if (const Sequence id = at->first; !enter(at, now, outbox)) {
            full_[destination].push_back(id);
            retry_us_ = std::min(retry_us_, now.mono_us + kRetry);
        }
    }
    if (due.id == 0) return retry_us_;
    return std::min(retry_us_, now.mono_us + std::clamp<std::int64_t>(-due.over_us, 1, kNever / 2));
}

/// Of two that are due the one that has been for longer goes first, whichever clock says so.
Scheduled::Next Scheduled::next(Now now) const {
    Next next;
    if (!due_.empty()) next = {since(due_.begin()->first, now), due_.begin()->second};
    if (delayed_.empty()) return next;
    const Next delayed{now.mono_us - delayed_.begin()->first, delayed_.begin()->second};
    if (next.id == 0 || next.over_us < delayed.over_us) return delayed;
    return next.over_us == delayed.over_us && delayed.id < next.id ? delayed : next;
}

void Scheduled::unlist(DelayedReceipt::iterator at) {
    due_.erase({at->second.due_us, at->first});
    delayed_.erase({at->second.mono_us, at->first});
}

/// In the order in which they were due, each target by itself, as far as this turn allows.
void Scheduled::retry(Now now, Outbox& outbox) {
    bool more = false;
    for (auto at = full_.begin(); at != full_.end();) {
        std::deque<Sequence>& ids = at->second;
        bool room = true;
        for (bool once = true; room && !ids.empty() && (once || state_.may_go_on()); once = false) {
            const auto entry = held_.find(ids.front());
            room = entry == held_.end() || enter(entry, now, outbox);
            if (room) ids.pop_front();
        }
        more = more || (room && !ids.empty());
        at = ids.empty() ? full_.erase(at) : std::next(at);
    }
    retry_us_ = full_.empty() ? kNever : now.mono_us + (more ? 1 : kRetry);
}

bool Scheduled::enter(DelayedReceipt::iterator at, Now now, Outbox& outbox) {
    const ScheduledBatch& entry = at->second;
    state_.budget.spend(1 + entry.size / kCopied);
    const Slice frame = frame_now(entry.frame);
    const BatchHeader h = read_scheduled(frame)->header;
    Node* node = h.cast == Cast::unicast ? state_.directory.node(h.target) : nullptr;
    Group* group = h.cast == Cast::broadcast   ? &state_.directory.broadcast()
                   : h.cast == Cast::multicast ? state_.directory.group(h.target)
                                               : nullptr;
    ErrorCode code = h.cast == Cast::unicast ? ErrorCode::no_such_node : ErrorCode::no_such_group;
    if (node != nullptr) code = mailboxes_.lets_in(*node, h);  // the memory budget has counted it since it came
    if (group != nullptr) code = ErrorCode::ok;
    if (code == ErrorCode::mailbox_full) return false;
    Entered& entered = outbox.entered.emplace_back(Entered{at->first, 0, 0, entry.count, entry.due_us, entry.mono_us});
    if (code != ErrorCode::ok) {
        refuse_scheduled(entry, h, code, now, outbox);
    } else {
        state_.statistics.scheduled_entered += h.count;
        if (node != nullptr) {
            mailboxes_.append(*node, nullptr, h, frame, now);
        } else {
            groups_.append(*group, nullptr, h, frame, now);
        }
        const auto stamped = read_scheduled(frame);
        entered.stream = stamped->header.stream;
        entered.first = stamped->header.sequence;
    }
    remove(at);
    return true;
}

void Scheduled::refuse_scheduled(const ScheduledBatch& entry, const BatchHeader& header, ErrorCode code, Now now,
                                 Outbox& outbox) {
    state_.statistics.scheduled_refused += header.count;
    state_.statistics.discarded += header.count;
    if (code == ErrorCode::no_such_node) {
        StoredBatch batch;
        batch.first = header.sequence;
        batch.count = header.count;
        batch.frame = entry.frame;
        dead_.bury(batch, 0, cast::wire::kReasonDeleted, now);
    }
    if (outbox.log.size() < kLogged)
        outbox.log.push_back({std::to_string(header.count) + " of " + std::string(header.sender) + " for " +
                              std::string(header.target) + " had waited for their time and found nobody (" +
                              cast::error_name(code) + ")"});
    answer(entry, code == ErrorCode::node_absent ? code : ErrorCode::deleted, now);
}

void Scheduled::answer(const ScheduledBatch& entry, ErrorCode code, Now now) {
    const auto batch = read_scheduled(entry.frame);
    if (batch && (batch->header.flags & kWantsDelivered) != 0)
        receipts_.delivered(batch->header.session, batch->header.number, code, now);
}

void Scheduled::remove(DelayedReceipt::iterator at) {
    const ScheduledBatch& entry = at->second;
    if (entry.frame.empty()) {
        usage_.remove_paged_out(entry.size, entry.count);
        unread_.erase({entry.due_us, at->first});
    } else {
        usage_.remove(entry.size, entry.count);
    }
    if (entry.saved) gone_.emplace_back(at->first, at->first + entry.count - 1);
    touch();
    held_.erase(at);
}

bool Scheduled::cancel(Sequence id, Now now) {
    const auto at = held_.find(id);
    if (at == held_.end()) return false;
    if (!at->second.frame.empty()) answer(at->second, ErrorCode::deleted, now);
    state_.statistics.scheduled_canceled += at->second.count;
    unlist(at);
    remove(at);
    return true;
}

Sequence Scheduled::save(Transaction& t) {
    touched_ = false;
    std::sort(gone_.begin(), gone_.end());
    for (const auto& [first, last] : gone_) {
        const bool joins =
            !t.erasures.empty() && t.erasures.back().stream == id_ && t.erasures.back().through + 1 == first;
        if (joins)
            t.erasures.back().through = last;
        else
            t.erasures.push_back({id_, last, first});
    }
    gone_.clear();
    for (const Sequence id : dirty_) {
        const auto at = held_.find(id);
        if (at == held_.end()) continue;  // its time came before
        ScheduledBatch& entry = at->second;
        entry.saved = true;
        t.chunks.push_back({id_, id, id + entry.count - 1, 0, entry.count, entry.size, entry.due_us, 0, {entry.frame}});
    }
    dirty_.clear();
    StreamRow& row = t.streams.emplace_back();
    row.id = id_;
    row.kind = kScheduledStream;
    row.last = last_;
    row.messages = messages();
    row.bytes = bytes();
    return last_;
}

void Scheduled::restore(const StreamRow& row, const Recovered& recovered, Outbox& outbox) {
    id_ = row.id;
    last_ = row.last;
    for (const ChunkRow& chunk : recovered.group_chunks) {
        if (chunk.stream != id_) continue;
        const auto size = static_cast<std::uint32_t>(chunk.bytes);
        held_.emplace(
            chunk.first,
            ScheduledBatch{chunk.arrival_us, static_cast<std::uint32_t>(chunk.messages), size, true, {}, kNever});
        unread_.emplace(chunk.arrival_us, chunk.first);
        usage_.add_paged_out(size, chunk.messages);
    }
    if (!held_.empty()) outbox.loads.push_back({id_, held_.begin()->first, kLoad});
}

std::uint64_t Scheduled::damaged(Sequence from, Outbox& outbox) {
    const auto at = unread_from(from);
    if (at == held_.end()) return 0;  // canceled meanwhile
    const std::uint32_t count = at->second.count;
    const Sequence next = at->first + count;
    state_.statistics.discarded += count;
    remove(at);
    load_from(next, outbox);
    return count;
}

void Scheduled::pass_over(Sequence from, Outbox& outbox) {
    const auto at = unread_from(from);
    if (at == held_.end()) return;
    unread_.erase({at->second.due_us, at->first});
    load_from(at->first + at->second.count, outbox);
}

Scheduled::DelayedReceipt::iterator Scheduled::unread_from(Sequence from) {
    auto at = held_.lower_bound(from);
    while (at != held_.end() && !at->second.frame.empty()) ++at;
    return at;
}

void Scheduled::load_from(Sequence from, Outbox& outbox) {
    if (const auto at = unread_from(from); at != held_.end()) outbox.loads.push_back({id_, at->first, kLoad});
}

void Scheduled::loaded(const Loaded& loaded, Outbox& outbox) {
    for (const Slice& frame : loaded.frames) {
        const auto batch = read_scheduled(frame);
        const auto at = batch ? held_.find(batch->header.sequence) : held_.end();
        if (at == held_.end() || !at->second.frame.empty()) continue;  // canceled meanwhile
        at->second.frame = frame;
        usage_.page_in(at->second.size);
        due_.emplace(at->second.due_us, at->first);
        unread_.erase({at->second.due_us, at->first});
    }
    if (loaded.through != Loaded::kEnd) return load_from(loaded.through + 1, outbox);
    std::erase_if(unread_,
                  [&](const auto& due_and_id) { return due_and_id.second >= loaded.from; });  // it has none of them
}

}  // namespace broker
