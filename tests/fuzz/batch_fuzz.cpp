// Fuzzes batches back to back, and the broker's stamp: views lie inside the input, a header encodes to the same bytes,
// a stamp changes its three fields and nothing else, and the end of waiting one flag.
#include <cstdint>
#include <cstdlib>

#include "support/wire_check.hpp"
#include "wire/names.hpp"

namespace {

using namespace cast::wire;
using namespace cast::test;

void require(bool good) {
    if (!good) std::abort();
}

void check_header(const BatchView& batch, std::string_view input) {
    const BatchHeader& h = batch.header;
    require(inside(batch.bytes, input) && batch.bytes.size() >= kBatchHeader);
    require(inside(batch.records, batch.bytes) && inside(h.target, batch.bytes) && inside(h.sender, batch.bytes));
    require(kBatchHeader + h.target.size() + h.sender.size() + batch.records.size() == batch.bytes.size());
    require(h.count > 0 && h.count <= batch.records.size() / 2 && batch.last_sequence() >= h.sequence);
    require(h.priority < kPriorities && (h.flags & ~kBatchFlagsMask) == 0);
    require(valid_name(h.sender) || reserved_name(h.sender));
    require(h.cast == Cast::broadcast ? h.target.empty() : valid_name(h.target) || reserved_name(h.target));
    require(batches_again(batch.bytes) == std::string(batch.bytes));
}

void check_stamp(const BatchView& batch) {
    std::string stamped(batch.bytes);
    stamp_batch(stamped.data(), 0x0102030405060708, 9, 10);
    const auto after = read_batch(stamped);
    require(after && after->header.stream == 0x0102030405060708);
    require(after->header.sequence == 9 && after->header.arrival_us == 10);
    require(after->records == batch.records && after->header.count == batch.header.count);
    stamp_batch(stamped.data(), batch.header.stream, batch.header.sequence, batch.header.arrival_us);
    require(stamped == batch.bytes);
    clear_scheduled(stamped.data());
    const auto gone = read_batch(stamped);
    require(gone && gone->header.flags == (batch.header.flags & ~kScheduled) && gone->records == batch.records);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    std::size_t taken = 0;
    const bool good = for_each_batch(input, [&](const BatchView& batch) {
        require(batch.bytes.data() == input.data() + taken);
        taken += batch.bytes.size();
        check_header(batch, input);
        check_stamp(batch);
        Reader records(batch.records);
        for (std::uint32_t i = 0; i < batch.header.count && read_record(records); ++i) {
        }
    });
    require(good == (taken == size));
    return 0;
}
