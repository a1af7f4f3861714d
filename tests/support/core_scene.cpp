// Frames in, frames out, in one thread.
#include "support/core_scene.hpp"

#include <utility>

#include "wire/messages.hpp"
#include "wire/record.hpp"

namespace cast::test {

using namespace wire;

namespace {

void add(std::string& words, std::string_view word) {
    if (!words.empty()) words += ' ';
    words += word;
}

}  // namespace

CoreScene::CoreScene(const broker::Config& config) : router_(config) {}

void CoreScene::handle(std::uint64_t client, const std::string& frame) {
    router_.handle(client, Slice::copy(frame), now, outbox);
}

void CoreScene::connect(std::uint64_t client) { handle(client, encode(Hello{client, 1, 0, "scene"})); }

void CoreScene::attach(std::uint64_t client, std::string_view node, bool receive) {
    Attach m;
    m.nodes.push_back({static_cast<std::uint8_t>(receive ? kReceive : 0), node, {}});
    handle(client, encode(m));
    turn();
}

void CoreScene::detach(std::uint64_t client, std::string_view node) {
    handle(client, encode(Detach{{node}}));
    turn();
}

void CoreScene::send(std::uint64_t client, std::string_view sender, std::string_view target,
                     const std::vector<std::string>& payloads, Sending how) {
    std::string frame;
    begin_frame(frame, Verb::cast);
    BatchHeader header;
    header.cast = how.cast;
    header.session = client;
    header.target = target;
    header.sender = sender;
    header.ttl_ms = how.ttl_ms;
    header.priority = how.priority;
    begin_batch(frame, header);
    for (const std::string& payload : payloads) append_record(frame, "text", {}, payload);
    seal_batch(frame, kFrameHeader, ++numbers_[client], static_cast<std::uint32_t>(payloads.size()),
               how.flags | kAskReceipt);
    handle(client, frame);
    turn();
}

void CoreScene::ack(std::uint64_t client, std::uint64_t but) {
    Ack m;
    for (const auto& [stream, sequence] : reached_[client]) m.entries.push_back({stream, sequence - but, {}});
    handle(client, encode(m));
    turn();
}

void CoreScene::turn(bool kept) {
    router_.tick(now, outbox);
    const broker::Turn turn = router_.close_turn();
    if (kept && store_keeps) router_.committed(turn);
    router_.flush(now, outbox);
    for (const broker::Send& send : outbox.sends) hear(send);
    for (const broker::LookAnswer& look : outbox.looks) looks.push_back(look);
    loads.insert(loads.end(), outbox.loads.begin(), outbox.loads.end());
    outbox.clear();
}

void CoreScene::keep(MemoryDisk& disk) {
    bool answered = true;
    while (answered) {
        turn(false);
        broker::Transaction transaction;
        router_.collect(transaction, now);
        disk.apply(transaction);
        router_.committed(transaction.turn);
        turn(false);
        answered = !loads.empty();
        for (const broker::Load& load : std::exchange(loads, {})) router_.loaded(disk.read(load), now, outbox);
    }
}

void CoreScene::restore(const MemoryDisk& disk, bool clean) {
    router_.restore(disk.recover(clean), now, outbox);
    turn();
}

broker::Node& CoreScene::create(std::string_view node) {
    ErrorCode code = ErrorCode::ok;
    return *router_.create_node(node, code, now, outbox);
}

void CoreScene::hear(const broker::Send& send) {
    Frame frame;
    if (read_frame(send.frame.view(), frame) != ErrorCode::ok) return;
    Gap gap;
    Receipt receipt;
    Detached detached;
    Membership membership;
    if (frame.verb == Verb::deliver) {
        for_each_batch(frame.body, [&](const BatchView& batch) {
            Reader in(batch.records);
            for (std::uint32_t i = 0; i < batch.header.count; ++i)
                if (const auto record = read_record(in)) add(delivered_[send.to], record->payload);
            reached_[send.to][batch.header.stream] = batch.last_sequence();
        });
    } else if (frame.verb == Verb::gap && decode(frame.body, gap)) {
        static constexpr const char* kReasons[] = {"?",    "expired",   "retention",   "purged",
                                                   "lost", "malformed", "redeliveries"};
        add(gaps_[send.to],
            std::string(kReasons[static_cast<int>(gap.reason)]) + " " + std::to_string(gap.to - gap.from + 1));
        reached_[send.to][gap.stream] = gap.to;
    } else if (frame.verb == Verb::detached && decode(frame.body, detached)) {
        add(notices_[send.to], std::string(error_name(detached.code)) + " " + std::string(detached.name));
    } else if (frame.verb == Verb::membership && decode(frame.body, membership)) {
        add(notices_[send.to], (membership.joined ? "joined " : "left ") + std::string(membership.node));
    } else if (frame.verb == Verb::receipt && decode(frame.body, receipt)) {
        for (const Outcome& o : receipt.refused)
            add(outcomes_[send.to], std::to_string(o.number) + " " + error_name(o.code));
        for (const Outcome& o : receipt.delivered)
            add(outcomes_[send.to], std::to_string(o.number) + " delivered " + error_name(o.code));
    }
}

std::string CoreScene::delivered(std::uint64_t client) { return std::exchange(delivered_[client], {}); }
std::string CoreScene::gaps(std::uint64_t client) { return std::exchange(gaps_[client], {}); }
std::string CoreScene::outcomes(std::uint64_t client) { return std::exchange(outcomes_[client], {}); }

std::string CoreScene::notices(std::uint64_t client) { return std::exchange(notices_[client], {}); }

std::string CoreScene::looked() {
    turn();
    std::string words;
    for (const broker::LookAnswer& look : std::exchange(looks, {}))
        for (const broker::Seen& seen : look.messages) add(words, seen.payload);
    return words;
}

}  // namespace cast::test
