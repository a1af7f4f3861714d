// What the loop is given instead of sockets, a disk and a clock; frames in, frames out. One thread.
#include "support/core_scene.hpp"

#include <deque>
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

struct CoreScene::Around : broker::Edge, broker::Store, broker::Clock, broker::LoopWatcher {
    explicit Around(CoreScene& s) : scene(s) {}

    bool receive(broker::ConnectionId& from, Slice& frame) override {
        if (frames.empty()) return false;
        from = frames.front().first;
        frame = Slice::take(std::move(frames.front().second));
        frames.pop_front();
        return true;
    }
    Sent send(broker::ConnectionId to, const Slice& frame) override {
        scene.hear(to, frame.view());
        return Sent::ok;
    }
    void publish(std::uint64_t, const Slice&) override {}
    const std::vector<std::string>& published() const override { return endpoints; }
    void set_topics(std::function<bool(std::uint64_t)>) override {}
    void greeted(broker::ConnectionId) override {}
    void disconnected(broker::ConnectionId, bool) override {}
    broker::EdgeCounts counts() const override { return {}; }

    void open(const broker::NewStore&) override {}
    broker::Recovered recover() override { return {}; }
    bool close() override { return true; }
    bool volatile_only() const override { return keeps; }
    bool idle() const override { return false; }  // transactions are the scene's: keep()
    void begin(broker::Transaction&&) override {}
    broker::Turn committed() const override { return scene.state().committed; }
    void load(const broker::Load& load) override { scene.loads.push_back(load); }
    bool loaded(broker::Loaded&) override { return false; }  // the test answers, when it likes
    bool healthy() const override { return scene.state().store_healthy; }
    void incomplete() override { scene.incomplete = true; }
    const char* name() const override { return "scene"; }

    broker::Now read() override { return scene.now; }

    void leaves(const broker::Outbox& outbox) override {
        scene.browse_answers.insert(scene.browse_answers.end(), outbox.browse_answers.begin(),
                                    outbox.browse_answers.end());
    }

    CoreScene& scene;
    const std::vector<std::string> endpoints;
    const broker::PageLink page;
    std::deque<std::pair<std::uint64_t, std::string>> frames;
    bool keeps = true;
};

CoreScene::CoreScene(const broker::Config& config)
    : around_(std::make_unique<Around>(*this)),
      loop_(std::make_unique<broker::EventLoop>(
          config, broker::EventLoop::Parts{*around_, *around_, *around_, around_->page, "scene", [] { return 5000; },
                                           [](const broker::LogLine&) {}, around_.get()})),
      outbox(loop_->outbox()) {}

CoreScene::~CoreScene() = default;

void CoreScene::handle(std::uint64_t client, const std::string& frame) { around_->frames.emplace_back(client, frame); }

/// Between turns, as what a test does with the router itself.
void CoreScene::connect(std::uint64_t client) {
    router().handle(client, Slice::take(encode(Hello{client, 1, 0, "scene"})), now, outbox);
}

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

void CoreScene::call(std::uint64_t client, std::string_view json) {
    handle(client, encode(Control{1, json}));
    turn();
}

void CoreScene::turn(bool kept) {
    around_->keeps = kept && store_keeps;
    loop_->turn();
}

void CoreScene::keep(MemoryDisk& disk) {
    bool answered = true;
    while (answered) {
        turn(false);
        broker::Transaction transaction;
        router().collect(transaction, now);
        disk.apply(transaction);
        router().committed(transaction.turn);
        turn(false);
        answered = !loads.empty();
        for (const broker::Load& load : std::exchange(loads, {})) router().loaded(disk.read(load), now, outbox);
    }
}

void CoreScene::restore(const MemoryDisk& disk, bool clean) {
    loop_->restore(disk.recover(clean));
    turn();
}

broker::Node& CoreScene::create(std::string_view node) {
    ErrorCode code = ErrorCode::ok;
    return *router().create_node(node, code, now, outbox);
}

void CoreScene::hear(std::uint64_t client, std::string_view bytes) {
    Frame frame;
    if (read_frame(bytes, frame) != ErrorCode::ok) return;
    Gap gap;
    Receipt receipt;
    Detached detached;
    Membership membership;
    ControlReply reply;
    if (frame.verb == Verb::deliver) {
        for_each_batch(frame.body, [&](const BatchView& batch) {
            Reader in(batch.records);
            for (std::uint32_t i = 0; i < batch.header.count; ++i)
                if (const auto record = read_record(in)) add(delivered_[client], record->payload);
            reached_[client][batch.header.stream] = batch.last_sequence();
        });
    } else if (frame.verb == Verb::gap && decode(frame.body, gap)) {
        static constexpr const char* kReasons[] = {"?",    "expired",   "retention",   "purged",
                                                   "lost", "malformed", "redeliveries"};
        add(gaps_[client],
            std::string(kReasons[static_cast<int>(gap.reason)]) + " " + std::to_string(gap.to - gap.from + 1));
        reached_[client][gap.stream] = gap.to;
    } else if (frame.verb == Verb::detached && decode(frame.body, detached)) {
        add(notices_[client], std::string(error_name(detached.code)) + " " + std::string(detached.name));
    } else if (frame.verb == Verb::membership && decode(frame.body, membership)) {
        add(notices_[client], (membership.joined ? "joined " : "left ") + std::string(membership.node));
    } else if (frame.verb == Verb::bye) {
        add(notices_[client], "bye");
    } else if (frame.verb == Verb::control_reply && decode(frame.body, reply)) {
        add(answers_[client], error_name(reply.code));
    } else if (frame.verb == Verb::receipt && decode(frame.body, receipt)) {
        for (const Outcome& o : receipt.refused)
            add(outcomes_[client], std::to_string(o.number) + " " + error_name(o.code));
        for (const Outcome& o : receipt.delivered)
            add(outcomes_[client], std::to_string(o.number) + " delivered " + error_name(o.code));
    }
}

std::string CoreScene::delivered(std::uint64_t client) { return std::exchange(delivered_[client], {}); }
std::string CoreScene::gaps(std::uint64_t client) { return std::exchange(gaps_[client], {}); }
std::string CoreScene::outcomes(std::uint64_t client) { return std::exchange(outcomes_[client], {}); }

std::string CoreScene::answers(std::uint64_t client) { return std::exchange(answers_[client], {}); }
std::string CoreScene::notices(std::uint64_t client) { return std::exchange(notices_[client], {}); }

std::string CoreScene::browsed() {
    turn();
    std::string words;
    for (const broker::BrowseAnswer& browse : std::exchange(browse_answers, {}))
        for (const broker::MessagePreview& preview : browse.messages) add(words, preview.payload);
    return words;
}

}  // namespace cast::test
