// Building the frames, and renewing them in place. One thread.
#include "frames.hpp"

#include "operations.hpp"
#include "wire/bytes.hpp"
#include "wire/frame.hpp"
#include "wire/messages.hpp"
#include "wire/record.hpp"

namespace bench {

using namespace cast::wire;

namespace {

constexpr std::size_t kLength = 0, kNumber = 16;  // in a batch's header: PROTOCOL.md, "Batch"
constexpr std::uint64_t kMark = 0xA5C3'96F0'0000'0000;

}  // namespace

std::string node_name(std::size_t index) {
    const std::string digits = std::to_string(index);
    return "node-" + std::string(4 - digits.size(), '0') + digits;
}

void append_batch(std::string& out, Cast cast, std::uint64_t session, std::string_view target, std::size_t records) {
    const std::size_t at = out.size();
    BatchHeader header;
    header.cast = cast;
    header.session = session;
    header.target = target;
    header.sender = kSender;
    begin_batch(out, header);
    const std::string payload(kPayload, 'p');
    for (std::size_t i = 0; i < records; ++i) append_record(out, "text", {}, payload);
    seal_batch(out, at, 1, static_cast<std::uint32_t>(records), 0);
}

std::uint64_t last_number(const Slice& frame) {
    const char* at = frame.data() + kFrameHeader;
    const char* const end = frame.data() + frame.size();
    std::uint64_t number = 0;
    for (; at < end; at += load<std::uint32_t>(at + kLength)) number = load<std::uint64_t>(at + kNumber);
    return number;
}

CastFrame::CastFrame(Cast cast, std::uint64_t session, const std::vector<std::string>& targets, std::size_t records)
    : bytes_(std::make_shared<std::string>()) {
    begin_frame(*bytes_, Verb::cast);
    for (const std::string& target : targets) {
        batches_.push_back(bytes_->size());
        append_batch(*bytes_, cast, session, target, records);
    }
}

Slice CastFrame::renewed(std::uint64_t& number) {
    write_frame_header(bytes_->data(), Verb::cast);  // the broker has made a DELIVER of an adopted frame
    for (const std::size_t at : batches_) store(bytes_->data() + at + kNumber, number++);
    return Slice(bytes_, bytes_->data(), bytes_->size());
}

AckFrame::AckFrame(const std::vector<std::uint64_t>& streams) {
    Ack ack;
    for (const std::uint64_t stream : streams) ack.entries.push_back({stream, kMark + ack.entries.size(), {}});
    bytes_ = std::make_shared<std::string>(encode(ack));
    std::size_t at = 0;
    for (const AckEntry& entry : ack.entries) {
        char mark[sizeof entry.sequence];
        store(mark, entry.sequence);
        at = bytes_->find(std::string_view(mark, sizeof mark), at);
        require(at != std::string::npos, "the ACK does not show its sequences");
        sequences_.push_back(at);
    }
}

Slice AckFrame::through(std::uint64_t sequence) {
    for (const std::size_t at : sequences_) store(bytes_->data() + at, sequence);
    return Slice(bytes_, bytes_->data(), bytes_->size());
}

}  // namespace bench
