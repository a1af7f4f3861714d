// Sending: open batches, the gate, windows. Pure; under the link's lock.
#include "src/outbound/outbound.hpp"

#include <algorithm>
#include <limits>

#include "src/session/session_time.hpp"
#include "wire/bytes.hpp"
#include "wire/frame.hpp"
#include "wire/record.hpp"

namespace cast::detail {
namespace {

using wire::kBatchSeal;
using wire::kFrameFill;
using wire::kFrameHeader;
using wire::same_bytes;

// The gate: with fewer than this on its way a record leaves at once. Once it has closed, records collect until a batch
// is full or everything on its way is receipted. So a lone message never waits, and a burst makes its own batches.
constexpr std::size_t kGateBatches = 4;
constexpr std::size_t kGateBytes = 32 * 1024;
constexpr std::size_t kOpenBytes = 2048 * 1024;  // all open batches together: many targets in turn still make batches
constexpr std::size_t kEntriesKept = 4096;
constexpr std::size_t kPlainRoom = 4096;  // bytes made ready at a time for plain records
constexpr std::size_t kPlainMost = 512;   // of larger records the copying costs more than the way
constexpr std::size_t kJoin = 8192;       // smaller batches share a frame; larger ones go as they lie

}  // namespace

bool Outbound::window_has(std::size_t bytes) const {
    const std::size_t busy = unreceipted_bytes_ + open_bytes_ + plain_.written().bytes;
    return (busy == 0 || busy + bytes <= window_bytes_) && unreceipted_.size() + open_.size() + 8 < window_batches_;
}

bool Outbound::room(wire::Cast cast, std::string_view target, std::size_t bytes, bool queued) const {
    if (!window_has(bytes)) return false;
    if (full_.empty()) return true;
    if (!queued && parked_bytes_ >= 2 * window_bytes_) return false;
    // What is parked at full targets must not take the window from the others.
    const auto at = full_.find(destination_key(cast, target));
    return at == full_.end() ||
           (at->second.bytes + bytes <= window_bytes_ / 4 && (queued || parked_bytes_ + bytes <= window_bytes_));
}

bool Outbound::gate_open() const {
    return burst_ ? unreceipted_.empty() : unreceipted_.size() < kGateBatches && unreceipted_bytes_ < kGateBytes;
}

bool Outbound::belongs(const Batch& b, const OutgoingRecord& p) {
    return b.cast == p.cast && b.priority == p.priority && same_bytes(b.target, p.target) &&
           same_bytes(b.sender, p.sender);
}

void Outbound::open_plain(Batch& b) {
    if (b.flags != 0 || b.ttl_ms != 0 || b.token != 0 || b.priority != wire::kDefaultPriority || !full_.empty() ||
        gate_open())
        return;
    const std::size_t size = b.bytes->size(), busy = unreceipted_bytes_ + open_bytes_;
    if (size >= kBatchSeal || open_bytes_ >= kOpenBytes || busy >= window_bytes_) return;
    const std::size_t room =
        std::min({kPlainRoom, kBatchSeal - size - 1, kOpenBytes - open_bytes_, window_bytes_ - busy});
    b.bytes->resize(size + room);
    plain_of_ = &b;
    plain_.open(b.cast, b.sender, b.target, b.bytes->data() + size, b.bytes->data() + size + room);
}

void Outbound::close_plain() {
    if (!plain_.is_open()) return;
    const PlainBatch::Written written = plain_.close();
    std::string& bytes = *plain_of_->bytes;
    bytes.resize(static_cast<std::size_t>(written.end - bytes.data()));
    plain_of_->count += written.count;
    plain_of_ = nullptr;
    open_bytes_ += written.bytes;
    added_ += written.count;
}

bool Outbound::add_more(const OutgoingRecord& p) {
    close_plain();
    if (last_ == nullptr || !full_.empty() || gate_open()) return false;
    Batch& b = last_->batch;
    if (b.count == 0 || b.flags != p.flags || b.ttl_ms != p.ttl_ms || b.due_us != p.due_us || p.token != 0 ||
        !belongs(b, p))
        return false;
    const std::size_t before = b.bytes->size();
    const std::size_t bound = wire::record_bound(p.type, p.headers, p.payload);
    if (before + bound >= kBatchSeal || open_bytes_ + bound >= kOpenBytes) return false;
    if (unreceipted_bytes_ + open_bytes_ + bound > window_bytes_) return false;
    wire::append_record(*b.bytes, p.type, p.headers, p.payload);
    open_bytes_ += b.bytes->size() - before;
    ++b.count;
    ++added_;
    if (p.plain && bound < kPlainMost) open_plain(b);
    return true;
}

Outbound::Entry& Outbound::entry(const OutgoingRecord& p, ClientOutbox& out) {
    Entry* found = last_;
    if (found == nullptr || !belongs(found->batch, p)) {
        key_.assign(p.target);
        key_.push_back(static_cast<char>(p.cast));
        key_.push_back(static_cast<char>(p.priority));
        key_.append(p.sender);
        auto& slot = entries_[key_];
        if (slot == nullptr) {
            slot = std::make_unique<Entry>();
            slot->batch.cast = p.cast;
            slot->batch.priority = p.priority;
            slot->batch.target = p.target;
            slot->batch.sender = p.sender;
        }
        found = last_ = slot.get();
    }
    Batch& b = found->batch;
    if (b.count != 0 && (b.flags != p.flags || b.ttl_ms != p.ttl_ms || b.due_us != p.due_us || p.token != 0)) {
        push(out);
        return entry(p, out);  // push may have cleared the entries
    }
    return *found;
}

void Outbound::begin(Entry& e, const OutgoingRecord& p) {
    Batch& b = e.batch;
    b.bytes = std::make_shared<std::string>();
    b.bytes->reserve(kFrameHeader + e.hint + wire::kBatchHeader);
    b.flags = p.flags;
    b.ttl_ms = p.ttl_ms;
    b.due_us = p.due_us;
    b.token = p.token;
    b.oldest = added_ + 1;
    b.deadline_us = p.deadline_us;
    wire::begin_frame(*b.bytes, wire::Verb::cast);
    wire::BatchHeader h;
    h.cast = p.cast;
    h.session = session_;
    h.priority = p.priority;
    h.ttl_ms = p.ttl_ms;
    h.arrival_us = p.due_us;
    h.target = p.target;
    h.sender = p.sender;
    wire::begin_batch(*b.bytes, h);
    open_.push_back(&e);
    open_bytes_ += b.bytes->size();
}

void Outbound::add(const OutgoingRecord& p, ClientOutbox& out) {
    close_plain();
    Entry& e = entry(p, out);
    Batch& b = e.batch;
    if (b.count == 0) begin(e, p);
    const std::size_t before = b.bytes->size();
    wire::append_record(*b.bytes, p.type, p.headers, p.payload);
    open_bytes_ += b.bytes->size() - before;
    ++b.count;
    ++added_;
    if (b.bytes->size() >= kBatchSeal && open_.size() == 1) {
        seal(e);
        open_.clear();
        emit(out);
    } else if (b.bytes->size() >= kBatchSeal || open_bytes_ >= kOpenBytes || p.token != 0 || gate_open()) {
        push(out);
    }
}

void Outbound::push(ClientOutbox& out) {
    close_plain();
    for (Entry* e : open_) seal(*e);
    open_.clear();
    if (entries_.size() > kEntriesKept) {
        entries_.clear();
        last_ = nullptr;
    }
    emit(out);
}

void Outbound::seal(Entry& e) {
    Batch& b = e.batch;
    const std::size_t size = b.bytes->size();
    open_bytes_ -= size;
    e.hint = std::min<std::size_t>(size + size / 4, kBatchSeal + 4096);
    Batch sealed;
    sealed.bytes = std::move(b.bytes);
    sealed.oldest = b.oldest;
    sealed.count = b.count;
    sealed.flags = b.flags;
    sealed.deadline_us = b.deadline_us;
    sealed.token = b.token;
    sealed.cast = b.cast;
    sealed.target = b.target;
    b.count = 0;
    b.token = 0;
    if (!full_.empty()) {
        const auto at = full_.find(sealed.destination());
        if (at != full_.end()) {
            park(std::move(sealed), at->second);
            return;
        }
    }
    const bool resume = !resume_.empty() && resume_.erase(sealed.destination()) > 0;
    number(std::move(sealed), resume);
}

void Outbound::number(Batch&& batch, bool resume) {
    batch.number = next_number_++;
    const std::size_t size = batch.bytes->size();
    const bool closes_gate = unreceipted_.size() + 1 >= kGateBatches || unreceipted_bytes_ + size >= kGateBytes;
    std::uint8_t flags = batch.flags;
    if (resume) flags |= wire::kResume;
    if (batch.token != 0 || resume || (closes_gate && asked_ <= seen_)) {
        flags |= wire::kAskReceipt;
        asked_ = batch.number;
    }
    wire::seal_batch(*batch.bytes, kFrameHeader, batch.number, batch.count, flags);
    burst_ = burst_ || closes_gate;
    unreceipted_bytes_ += size;
    unreceipted_.push_back(std::move(batch));
}

void Outbound::emit(ClientOutbox& out) {
    if (!online_ || unreceipted_.empty() || unreceipted_.back().number <= emitted_) return;
    std::size_t i = emitted_ < unreceipted_.front().number
                        ? 0
                        : static_cast<std::size_t>(emitted_ + 1 - unreceipted_.front().number);
    while (i < unreceipted_.size()) {
        std::size_t n = 1, bytes = unreceipted_[i].bytes->size();
        auto joins = [&](std::size_t k) { return k < unreceipted_.size() && unreceipted_[k].bytes->size() < kJoin; };
        while (joins(i) && joins(i + n) && bytes + unreceipted_[i + n].bytes->size() <= kFrameFill)
            bytes += unreceipted_[i + n++].bytes->size();
        if (n == 1) {
            const auto& whole = unreceipted_[i].bytes;
            out.frames.emplace_back(whole, whole->data(), whole->size());
        } else {
            std::string joined;
            joined.reserve(bytes);
            wire::begin_frame(joined, wire::Verb::cast, wire::kHasAux, static_cast<std::uint32_t>(seen_));
            for (std::size_t k = i; k < i + n; ++k) joined.append(*unreceipted_[k].bytes, kFrameHeader);
            out.send(std::move(joined));
        }
        i += n;
    }
    emitted_ = unreceipted_.back().number;
}

void Outbound::online(ClientOutbox& out) {
    online_ = true;
    emitted_ = 0;
    push(out);
    emit(out);
}

void Outbound::window(std::size_t bytes, std::size_t batches) {
    close_plain();
    window_bytes_ = std::max<std::size_t>(bytes, 4 * kBatchSeal);
    window_batches_ = std::clamp<std::size_t>(batches, 32, wire::kSenderBatches);
}

bool Outbound::settled(std::uint64_t added) const {
    for (const Entry* e : open_)
        if (e->batch.oldest <= added) return false;
    for (const auto& [target, full] : full_)
        for (const Batch& b : full.parked)
            if (b.oldest <= added) return false;
    return std::none_of(unreceipted_.begin(), unreceipted_.end(),
                        [added](const Batch& b) { return b.oldest <= added; });
}

ErrorCode Outbound::take_refusal(std::string& target) {
    target = std::move(refusal_target_);
    refusal_target_.clear();
    return std::exchange(refusal_, ErrorCode::ok);
}

void Outbound::forget(std::uint64_t token) {
    tokens_.forget(token);
    for (Batch& b : unreceipted_)
        if (b.token == token) b.token = 0;
    for (auto& [target, full] : full_)
        for (Batch& b : full.parked)
            if (b.token == token) {
                parked_bytes_ += b.bytes->size() - b.counted();
                b.token = 0;
            }
}

}  // namespace cast::detail
