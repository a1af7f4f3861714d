// The values behind the examples of libcast/PROTOCOL.md. Change them and the page together.
#include "support/wire_examples.hpp"

#include "wire/batch.hpp"
#include "wire/messages.hpp"
#include "wire/record.hpp"

namespace cast::test {
namespace {

using namespace cast::wire;

constexpr std::uint64_t kSession = 0x1122334455667788;

std::string record_named() {
    std::string out;
    append_record(out, "image/png", encode_headers({{"id", "42"}}), "\xFF\xD8!");
    return out;
}

std::string batch() {
    BatchHeader header;
    header.session = kSession;
    header.target = "bob";
    header.sender = "alice";
    std::string out;
    begin_batch(out, header);
    append_record(out, "text", {}, "hi");
    seal_batch(out, 0, 1, 1, kAskReceipt);
    return out;
}

std::string batch_scheduled() {
    BatchHeader header;
    header.session = kSession;
    header.arrival_us = 30'000'000;
    header.target = "bob";
    header.sender = "alice";
    std::string out;
    begin_batch(out, header);
    append_record(out, "text", {}, "hi");
    seal_batch(out, 0, 1, 1, kWantsDelivered | kScheduled);
    return out;
}

std::string batch_stamped() {
    BatchHeader header;
    header.cast = Cast::broadcast;
    header.session = kSession;
    header.ttl_ms = 30'000;
    header.priority = 7;
    header.sender = "alice";
    std::string out;
    begin_batch(out, header);
    append_record(out, "text", {}, "hi");
    append_record(out, "json", {}, "{}");
    seal_batch(out, 0, 2, 2, kEcho);
    stamp_batch(out.data(), 3, 41, 1'700'000'000'000'000);
    return out;
}

std::string batch_frame(Verb verb, std::uint8_t flags, std::uint32_t aux, const std::string& batches) {
    std::string out;
    begin_frame(out, verb, flags, aux);
    return out + batches;
}

std::string welcome(std::optional<Capabilities> capabilities = {}) {
    Welcome m;
    m.capabilities = capabilities;
    m.epoch = 3;
    m.store = 0xABCD;
    m.through = 2;
    m.known = true;
    m.max_message = 1 << 20;
    m.window_bytes = 4 << 20;
    m.window_batches = 1024;
    m.reader_window = 2 << 20;
    m.ping_ms = 5000;
    m.session_ms = 600000;
    m.version = "0.1.0";
    m.publish = {"tcp://*:5571"};
    m.refused = {{2, ErrorCode::no_such_node}};
    return encode(m);
}

std::vector<Example> from_client() {
    Attach attach{7, {{kReceive | kAgain, "alice", {{5, 9, 12}}}, {0, "bob", {}}}};
    Detach detach{{"alice", "bob"}};
    Ack ack{{{5, 12, {}}, {3, 42, {{"carol", 40}}}}};
    return {
        {"hello", encode(Hello{kSession, 2, 1, "demo"})},
        {"hello-fields", encode(Hello{kSession, 2, 1, "demo", 5, "sixteen bytes...", "pc", "eve"})},
        {"attach", encode(attach)},
        {"detach", encode(detach)},
        {"cast", batch_frame(Verb::cast, kHasAux, 1, batch())},
        {"ack", encode(ack)},
        {"fetch", encode(Fetch{3, 41, 65536})},
        {"control", encode(Control{8, R"({"op":"node.list"})"})},
        {"ping", encode_ping(Verb::ping, {77})},
        {"pong", encode_ping(Verb::pong, {77})},
        {"bye", encode_bye()},
    };
}

std::vector<Example> from_broker() {
    const StreamInfo lane{5, 4, {}, 9, 12, 11};
    const StreamInfo group{6, kGroupStream, "team", 0, 100, 0};
    Attached attached{7, {{ErrorCode::ok, "alice", {lane}}, {ErrorCode::name_in_use, "bob", {}}}};
    Receipt receipt{4, {{3, ErrorCode::mailbox_full}}, {{1, ErrorCode::ok}}};
    return {
        {"welcome", welcome()},
        {"welcome-fields", welcome(0)},
        {"attached", encode(attached)},
        {"detached", encode(Detached{"alice", ErrorCode::taken_over})},
        {"receipt", encode(receipt)},
        {"deliver", batch_frame(Verb::deliver, kHasAux, 4, batch_stamped())},
        {"gap", encode(Gap{3, 1, 40, GapReason::retention})},
        {"fetched", encode(Fetched{3, 41, 42})},
        {"tail", encode(Tail{3, 42})},
        {"membership", encode(Membership{"alice", true, group})},
        {"control_reply", encode(ControlReply{8, ErrorCode::ok, R"({"nodes":[]})"})},
        {"limits", encode(Limits{64 << 20, 4 << 20, 1024, 2 << 20, 5000})},
        {"error", encode(ErrorReply{ErrorCode::hello_first, 4, "CAST before HELLO"})},
        {"error-leader", encode(ErrorReply{ErrorCode::not_leader, 1, "follows", "tcp://b:5570"})},
    };
}

}  // namespace

std::vector<Example> frame_examples() {
    std::vector<Example> all = from_client();
    for (Example& example : from_broker()) all.push_back(std::move(example));
    return all;
}

std::vector<Example> wire_examples() {
    std::string record;
    append_record(record, "text", {}, "hi");
    std::vector<Example> all = {{"record", record},
                                {"record-named", record_named()},
                                {"headers", encode_headers({{"id", "42"}, {"note", ""}})},
                                {"batch", batch()},
                                {"batch-later", batch_scheduled()},
                                {"batch-stamped", batch_stamped()}};
    for (Example& example : frame_examples()) all.push_back(std::move(example));
    return all;
}

std::string wire_example(const std::string& name) {
    for (const Example& example : wire_examples())
        if (example.name == name) return example.bytes;
    return {};
}

}  // namespace cast::test
