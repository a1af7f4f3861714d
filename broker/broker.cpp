// The turn. The broker's thread, which is main's.
#include "broker.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/clock.hpp"
#include "descriptors.hpp"
#include "log.hpp"
#include "looks.hpp"
#include "reports.hpp"
#include "secret_hash.hpp"
#include "wire/heap.hpp"
#include "wire/names.hpp"

namespace broker {
namespace {

// A lone message waits for the turn that it comes in: long enough for batches to join, short enough for it.
constexpr int kTurnFrames = 256;
constexpr std::size_t kTurnBytes = 512u << 10;
constexpr std::size_t kTurnWork = 10000;  // some milliseconds
constexpr std::size_t kCallWork = 100;    // of it, a management call: its JSON is read, and another one written
constexpr std::uint64_t kJoined = 1000;   // nodes: to join the memory of so many takes a fraction of a millisecond
constexpr std::int64_t kGiveBack = 10 * kSecond;  // it takes some 10 ms for 100 MiB, and as long to get them anew

std::int64_t in_us(std::chrono::milliseconds t) { return t.count() * kMs; }

}  // namespace

Config core_config(const Options& o) {
    Config c;
    c.max_message = o.max_message;
    c.max_connections = o.max_connections;
    c.max_nodes = o.max_nodes;
    c.max_groups = o.max_groups;
    c.max_memberships = o.max_memberships;
    c.mailbox_messages = o.mailbox_messages;
    c.mailbox_bytes = o.mailbox_bytes;
    c.group_messages = o.group_messages;
    c.group_bytes = o.group_bytes;
    c.group_age_us = in_us(o.group_age);
    c.memory_budget = o.memory_budget;
    c.later_messages = o.later_messages;
    c.later_bytes = o.later_bytes;
    c.later_us = in_us(o.later_time);
    c.reject_full = o.when_full == WhenFull::reject;
    c.dead_messages = o.dead_messages;
    c.dead_bytes = o.dead_bytes;
    c.max_redeliveries = static_cast<std::uint32_t>(o.max_redeliveries);
    c.history_messages = o.history_messages;
    c.history_bytes = o.history_bytes;
    c.sender_window = o.memory ? o.sender_window : 2 * o.sender_window;  // a receipt waits for the disk, too
    c.reader_window = o.reader_window;
    c.session_us = in_us(o.session_time);
    c.grace_us = in_us(o.grace_time);
    c.ping_us = in_us(o.ping_interval);
    c.dead_us = in_us(o.dead_after);
    c.hold_back_us = in_us(o.hold_back);
    c.hash_secret = hash_secret;
    return c;
}

Now Broker::now() { return {cast::base::monotonic_us(), static_cast<std::uint64_t>(cast::base::wall_us())}; }

IntakeLimits intake_limits(const Options& o) {
    constexpr std::uint64_t kFrame = 8u << 20;  // beside the messages: frames, acknowledgements, calls
    IntakeLimits limits;
    limits.of_client =
        std::max<std::uint64_t>(limits.of_client, o.max_message + 2 * core_config(o).sender_window + kFrame);
    // Strangers take a quarter of the descriptors that there are for clients, at most: each has one, a client two.
    if (const std::size_t clients = descriptor_counts().plan.clients; clients != 0)
        limits.strangers = std::clamp<std::size_t>(clients / 2, 1, limits.strangers);
    return limits;
}

Broker::Broker(const Options& options, Edge& edge, Store& store, const Config& config, const PageLink& page,
               const char* version)
    : options_(options), edge_(edge), store_(store), router_(config), control_(router_, store, page, version, now()) {
    router_.announce(edge.published(), version);
    control_.ask_edge([this] { return count_edge(); });
    edge.set_topics([this](std::uint64_t topic) { return router_.publishes(topic); });
}

void Broker::restore(const Recovered& recovered) { router_.restore(recovered, now(), outbox_); }

void Broker::run(int wish_fd, Wish (*read_wish)(int fd), bool (*reload)(Options& options)) {
    for (;;) {
        if (edge_.wait(deadline_us_ - now().mono_us, wish_fd, store_.descriptor())) {
            const Wish wish = read_wish(wish_fd);
            if (wish == Wish::stop) return stop(now());
            if (wish == Wish::reload && reload(options_)) {
                edge_.set_limits(intake_limits(options_));
                router_.reconfigure(core_config(options_), outbox_);
            }
        }
        if (!turn(now())) deadline_us_ = 0;
    }
}

bool Broker::turn(Now at) {
    ConnectionId from = 0;
    cast::wire::Slice frame;
    std::size_t bytes = 0;
    int frames = 0;
    if (!store_.volatile_only()) hear_store(at);
    weigh_edge(at);
    const State& state = router_.state();
    while (frames < kTurnFrames && bytes < kTurnBytes && state.work < kTurnWork && edge_.receive(from, frame)) {
        ++frames;
        bytes += frame.size();
        router_.handle(from, frame, at, outbox_);
        if (!router_.comings().greeted.empty()) [[unlikely]]
            tell_edge();
        if (!outbox_.controls.empty()) {  // before what the client said after it
            router_.state().work += kCallWork;
            answer_calls(at);
        }
        frame = {};
    }
    const bool drained = frames < kTurnFrames && bytes < kTurnBytes && state.work < kTurnWork;
    // Not before what they had said: an end that cannot be sent to any more may have left words that are still to be
    // read. What this sets free (nodes, conflicts) is dealt with here.
    // Thousands of nodes may be read on each of them: so not more than a turn is long enough for.
    while (drained && !unreachable_.empty() && state.work < kTurnWork)
        router_.unreachable(unreachable_.extract(unreachable_.begin()).value(), at, outbox_);
    deadline_us_ = router_.tick(at, outbox_, drained);
    carry_out(at);
    if (state.directory.nodes_removed() >= removed_ + kJoined) {
        removed_ = state.directory.nodes_removed();
        cast::wire::join_freed_blocks();
    }
    if (frames > 0 && give_back_us_ == 0) give_back_us_ = at.mono_us + kGiveBack;
    if (give_back_us_ != 0) give_memory_back(at);
    router_.state().statistics.took(static_cast<std::uint64_t>(now().mono_us - at.mono_us));
    return drained;
}

/// All whole pages that are free, of one arena of glibc's after the other; who allocates in that of the moment waits.
/// Else each arena would stay as large as it ever was.
void Broker::give_memory_back(Now at) try {
    if (at.mono_us < give_back_us_) {
        deadline_us_ = std::min(deadline_us_, give_back_us_);
        return;
    }
    give_back_us_ = 0;
    giving_back_ = std::async(std::launch::async, [] { malloc_trim(0); });
} catch (const std::system_error&) {  // no thread to be had: the next time
}

/// Who came and went. A connection may do both in a turn: what it is now counts.
void Broker::tell_edge() {
    const Router::Comings comings = std::exchange(router_.comings(), {});
    for (ConnectionId id : comings.given_up)
        if (router_.state().sessions.connection(id) == nullptr) edge_.parted(id, true);
    for (ConnectionId id : comings.parted)
        if (router_.state().sessions.connection(id) == nullptr) edge_.parted(id, false);
    for (ConnectionId id : comings.greeted) edge_.greeted(id);
}

/// What libzmq's queues hold counts in the memory budget, too.
void Broker::weigh_edge(Now at) {
    if (at.mono_us < weigh_us_) return;
    weigh_us_ = at.mono_us + 100 * kMs;
    const IntakeCounts counts = edge_.counts();
    router_.state().edge_bytes = counts.stranger_bytes + counts.subscriber_bytes + counts.pinned_bytes;
}

EdgeCounts Broker::count_edge() const {
    const IntakeCounts counts = edge_.counts();
    EdgeCounts known{counts.strangers,
                     counts.clients,
                     counts.subscribers,
                     counts.stranger_bytes,
                     counts.subscriber_bytes,
                     counts.pinned_bytes,
                     {}};
    for (std::size_t i = 0; i < kCutNames.size(); ++i) known.cut.emplace_back(kCutNames[i], counts.cut[i]);
    return known;
}

void Broker::answer_calls(Now at) {
    const std::vector<ControlCall> calls = std::move(outbox_.controls);
    outbox_.controls.clear();
    for (const ControlCall& call : calls) {
        const ControlAnswer answer = control_.answer(call, at, outbox_);
        if (answer.later) continue;
        if (answer.again) {
            postponed_.push_back(call);
            continue;
        }
        outbox_.send(call.from, cast::wire::encode(cast::wire::ControlReply{call.request, answer.code, answer.text}));
        if (answer.changes) hold_answer();
        router_.answered(call.from, answer.text.size(), at, outbox_);
    }
}

/// The answer sent last is a promise, too: it leaves once the store keeps this turn.
void Broker::hold_answer() {
    if (store_.volatile_only()) return;
    answers_.emplace_back(router_.state().turn + 1, std::move(outbox_.sends.back()));
    outbox_.sends.pop_back();
    router_.state().unsaved.urgent = true;
}

void Broker::carry_out(Now at) {
    // Reports make more of the outbox: they come first.
    if (!outbox_.events.empty()) router_.publish_reports(cast::wire::kEventsGroup, encode_events(outbox_.events), at);
    if (control_.go_on(at, outbox_)) deadline_us_ = 0;
    for (const LateAnswer& late : outbox_.answers) {
        outbox_.send(late.to.connection,
                     cast::wire::encode(cast::wire::ControlReply{late.to.request, cast::ErrorCode::ok, late.text}));
        if (late.changes) hold_answer();
        router_.answered(late.to.connection, late.text.size(), at, outbox_);
    }
    for (const LookAnswer& look : outbox_.looks) {
        const std::string text = encode_look(look);
        outbox_.send(look.to.connection,
                     cast::wire::encode(cast::wire::ControlReply{look.to.request, look.code, text}));
        router_.answered(look.to.connection, text.size(), at, outbox_);
    }
    const Turn turn = router_.close_turn();
    if (store_.volatile_only()) router_.committed(turn);
    deadline_us_ = std::min(deadline_us_, router_.flush(at, outbox_));
    for (const LogLine& line : outbox_.log) {  // what is bad comes from the store; the rest is what clients did
        if (line.bad)
            log_error(line.text);
        else
            log_of_client(LogLevel::info, line.text);
    }
    for (const Send& send : outbox_.sends) {
        // After one that did not leave, none may: it would look as if nothing were missing.
        if (!unreachable_.empty() && unreachable_.contains(send.to)) continue;
        if (edge_.send(send.to, send.frame) == Edge::Sent::gone) unreachable_.insert(send.to);
    }
    tell_edge();
    for (const Publish& publish : outbox_.publishes) edge_.publish(publish.topic, publish.frame);
    for (const Load& load : outbox_.loads) store_.load(load);
    outbox_.clear();
    if (!store_.volatile_only()) tell_store(at);
    if (!unreachable_.empty()) deadline_us_ = 0;
}

void Broker::hear_store(Now at) {
    std::uint64_t count = 0;
    (void)!read(store_.descriptor(), &count, sizeof count);
    watch_.look(store_, router_.state().watched(), at, outbox_);
    router_.store_health(store_.healthy());
    router_.committed(store_.committed());
    while (!answers_.empty() && answers_.front().first <= store_.committed()) {
        outbox_.sends.push_back(std::move(answers_.front().second));
        answers_.pop_front();
    }
    Loaded loaded;
    while (store_.loaded(loaded)) router_.loaded(std::move(loaded), at, outbox_);
    if (postponed_.empty()) return;
    outbox_.controls.swap(postponed_);
    answer_calls(at);
}

/// Everything up to the present turn in one transaction, when the store has done the one before.
void Broker::tell_store(Now at) {
    if (!store_.idle()) return;
    router_.committed(
        store_.committed());  // what became idle after hear_store looked; the next transaction takes its place
    if (!router_.wants_transaction(at, deadline_us_)) return;
    Transaction transaction;
    router_.collect(transaction, at);
    store_.begin(std::move(transaction));
}

/// Turns until what was promised is committed and told.
void Broker::await_store(std::int64_t until_us) {
    router_.state().unsaved.urgent = true;
    turn(now());
    while (!store_.idle() && now().mono_us < until_us) {
        edge_.wait(20 * kMs, store_.descriptor());
        turn(now());
    }
    hear_store(now());
    carry_out(now());
}

void Broker::stop(Now started) {
    log_info("stopping: draining");
    router_.state().ending = true;
    // What has come is taken in and receipted; then everybody is told.
    const std::int64_t until = started.mono_us + in_us(options_.drain_time);
    while (!turn(now()) && now().mono_us < until) {
    }
    const std::int64_t kept_by = std::max(until, now().mono_us + kSecond);
    if (!store_.volatile_only()) await_store(kept_by);
    router_.goodbye(outbox_);
    carry_out(now());
    if (!store_.volatile_only()) {  // once more, for where everybody stands now
        while (!store_.idle() && now().mono_us < kept_by) edge_.wait(20 * kMs, store_.descriptor());
        router_.state().unsaved.urgent = true;
        if (!store_.idle()) store_.incomplete();
        tell_store(now());
    }
    log_info("stopped");
}

}  // namespace broker
