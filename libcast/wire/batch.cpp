// Encoding and decoding of a batch's header. Pure; any thread.
#include "wire/batch.hpp"

#include <cassert>
#include <limits>

#include "wire/bytes.hpp"
#include "wire/names.hpp"

namespace cast::wire {
namespace {

// Offsets of the header's fields; the table of PROTOCOL.md, "Batch".
constexpr std::size_t kLength = 0, kHeaderLength = 4, kVersionAt = 6, kCastAt = 7, kSession = 8, kNumber = 16,
                      kStream = 24, kSequence = 32, kArrival = 40, kCount = 48, kTtl = 52, kPriorityAt = 56,
                      kFlagsAt = 57, kTargetLength = 58, kSenderLength = 59;
constexpr std::size_t kLeastRecord = 2;  // a length and a descriptor

bool plausible(const BatchHeader& h) {
    if (h.priority >= kPriorities || (h.flags & ~kBatchFlagsMask) != 0 || h.count == 0) return false;
    if (h.sequence > std::numeric_limits<std::uint64_t>::max() - h.count) return false;  // no last_sequence() then
    if (!valid_name(h.sender) && !reserved_name(h.sender)) return false;
    if (h.cast == Cast::broadcast) return h.target.empty();
    return valid_name(h.target) || reserved_name(h.target);
}

}  // namespace

void begin_batch(std::string& out, const BatchHeader& h) {
    assert(h.target.size() <= kMaxName && h.sender.size() <= kMaxName);
    char raw[kBatchHeader] = {};
    store<std::uint16_t>(raw + kHeaderLength,
                         static_cast<std::uint16_t>(kBatchHeader + h.target.size() + h.sender.size()));
    raw[kVersionAt] = kVersion;
    raw[kCastAt] = static_cast<char>(h.cast);
    store(raw + kSession, h.session);
    store(raw + kNumber, h.number);
    store(raw + kStream, h.stream);
    store(raw + kSequence, h.sequence);
    store(raw + kArrival, h.arrival_us);
    store(raw + kTtl, h.ttl_ms);
    raw[kPriorityAt] = static_cast<char>(h.priority);
    raw[kFlagsAt] = static_cast<char>(h.flags);
    raw[kTargetLength] = static_cast<char>(h.target.size());
    raw[kSenderLength] = static_cast<char>(h.sender.size());
    out.append(raw, sizeof raw).append(h.target).append(h.sender);
}

void seal_batch(std::string& out, std::size_t at, std::uint64_t number, std::uint32_t count, std::uint8_t flags) {
    char* batch = out.data() + at;
    store(batch + kLength, static_cast<std::uint32_t>(out.size() - at));
    store(batch + kNumber, number);
    store(batch + kCount, count);
    batch[kFlagsAt] = static_cast<char>(flags);
}

std::optional<BatchView> read_batch(std::string_view bytes) {
    if (bytes.size() < kBatchHeader) return std::nullopt;
    const char* b = bytes.data();
    const auto length = load<std::uint32_t>(b + kLength);
    const auto header_length = load<std::uint16_t>(b + kHeaderLength);
    const std::size_t target = static_cast<std::uint8_t>(b[kTargetLength]);
    const std::size_t sender = static_cast<std::uint8_t>(b[kSenderLength]);
    const auto cast = static_cast<std::uint8_t>(b[kCastAt]);
    if (static_cast<std::uint8_t>(b[kVersionAt]) != kVersion || cast < 1 || cast > 3) return std::nullopt;
    if (length > bytes.size() || header_length != kBatchHeader + target + sender || header_length > length)
        return std::nullopt;
    if (load<std::uint32_t>(b + 60) != 0) return std::nullopt;  // reserved

    BatchView view;
    view.bytes = bytes.substr(0, length);
    view.records = view.bytes.substr(header_length);
    BatchHeader& h = view.header;
    h.cast = static_cast<Cast>(cast);
    h.session = load<std::uint64_t>(b + kSession);
    h.number = load<std::uint64_t>(b + kNumber);
    h.stream = load<std::uint64_t>(b + kStream);
    h.sequence = load<std::uint64_t>(b + kSequence);
    h.arrival_us = load<std::uint64_t>(b + kArrival);
    h.count = load<std::uint32_t>(b + kCount);
    h.ttl_ms = load<std::uint32_t>(b + kTtl);
    h.priority = static_cast<std::uint8_t>(b[kPriorityAt]);
    h.flags = static_cast<std::uint8_t>(b[kFlagsAt]);
    h.target = view.bytes.substr(kBatchHeader, target);
    h.sender = view.bytes.substr(kBatchHeader + target, sender);
    if (h.count > view.records.size() / kLeastRecord || !plausible(h)) return std::nullopt;
    return view;
}

void stamp_batch(char* batch, std::uint64_t stream, std::uint64_t sequence, std::uint64_t arrival_us) {
    store(batch + kStream, stream);
    store(batch + kSequence, sequence);
    store(batch + kArrival, arrival_us);
}

void clear_scheduled(char* batch) { batch[kFlagsAt] = static_cast<char>(batch[kFlagsAt] & ~kScheduled); }

void claim_batch(char* batch, std::uint64_t session) { store(batch + kSession, session); }

}  // namespace cast::wire
