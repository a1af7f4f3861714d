// The bytes: records into batches and out of them, the header of a frame. One thread.
#include "frames.hpp"
#include "operations.hpp"
#include "wire/bytes.hpp"
#include "wire/frame.hpp"
#include "wire/record.hpp"

namespace bench {

using namespace cast::wire;

namespace {

constexpr std::size_t kFrames = 100;

Step encode_batch() {
    return warmed_up([payload = std::string(kPayload, 'p'), out = std::string(), header = BatchHeader()]() mutable {
        header.target = "bob";
        header.sender = kSender;
        out.clear();
        begin_batch(out, header);
        for (std::size_t i = 0; i < kRecords; ++i) append_record(out, "text", {}, payload);
        seal_batch(out, 0, 1, kRecords, 0);
        keep(out);
    });
}

Step decode_batch() {
    std::string bytes;
    append_batch(bytes, Cast::unicast, 7, "bob", kRecords);
    require(read_batch(bytes).has_value(), "the batch does not decode");
    return warmed_up([bytes = std::move(bytes)] {
        const auto batch = read_batch(bytes);
        Reader in(batch->records);
        for (std::uint32_t i = 0; i < batch->header.count; ++i) {
            const auto record = read_record(in);
            keep(record);
        }
        require(in.done(), "the records do not decode");
    });
}

Step encode_frame() {
    return warmed_up([out = std::string()]() mutable {
        for (std::size_t i = 0; i < kFrames; ++i) {
            out.clear();
            begin_frame(out, Verb::deliver, kHasAux, static_cast<std::uint32_t>(i));
            keep(out);
        }
    });
}

Step decode_frame() {
    std::string bytes;
    begin_frame(bytes, Verb::deliver, kHasAux, 7);
    return warmed_up([bytes = std::move(bytes)] {
        for (std::size_t i = 0; i < kFrames; ++i) {
            Frame frame;
            require(read_frame(bytes, frame) == cast::ErrorCode::ok, "the frame does not decode");
            keep(frame);
        }
    });
}

}  // namespace

std::vector<Operation> wire_operations() {
    return {{"encode_batch", kRecords, 1, 100, encode_batch},
            {"decode_batch", kRecords, 1, 100, decode_batch},
            {"encode_frame", kFrames, kFrames, 200, encode_frame},
            {"decode_frame", kFrames, kFrames, 200, decode_frame}};
}

}  // namespace bench
