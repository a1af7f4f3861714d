// The turn, and the end of the turns. Broker's thread.
#include "server/event_loop.hpp"

#include <algorithm>

#include "control/events_json.hpp"
#include "control/preview_json.hpp"
#include "wire/names.hpp"

namespace broker {
namespace {

// A lone message waits for the turn that it comes in: long enough for batches to join, short enough for it.
constexpr int kTurnFrames = 256;
constexpr std::size_t kTurnBytes = 512u << 10;
constexpr std::size_t kTurnWork = 10000;        // some milliseconds
constexpr std::size_t kCallWork = 100;          // of it, a management call: its JSON is read, and another one written
constexpr std::int64_t kWeigh = 100 * kMs;      // between two looks at what the edge holds
constexpr std::int64_t kKeeping = 1 * kSecond;  // at the end, for the store; more if draining may take more
constexpr std::int64_t kKeepingCheck = 20 * kMs;

}  // namespace

EventLoop::EventLoop(const Config& config, const Parts& parts)
    : edge_(parts.edge),
      store_(parts.store),
      clock_(parts.clock),
      router_(config),
      control_(router_, parts.store, parts.edge, {parts.page, parts.version, parts.free_port}, parts.clock.read()),
      log_(parts.log),
      watcher_(parts.watcher) {
    router_.announce(edge_.published(), parts.version);
    edge_.set_topics([this](std::uint64_t topic) { return router_.publishes(topic); });
}

void EventLoop::restore(const Recovered& recovered) { router_.restore(recovered, clock_.read(), outbox_); }

std::int64_t EventLoop::turn() {
    const Now at = clock_.read();
    frames_ = 0;
    if (phase_ >= Phase::closing) return close(at);
    if (!store_.volatile_only()) hear_store(at);
    weigh_edge(at);
    const bool drained = take_in(at);
    if (drained) drop_unreachable(at);
    deadline_us_ = router_.tick(at, outbox_, drained);
    if (watcher_ != nullptr) watcher_->ticked(outbox_, deadline_us_);
    carry_out(at);
    if (!drained || !unreachable_.empty()) deadline_us_ = 0;
    if (phase_ != Phase::serving) go_on_stopping(at, drained);
    router_.state().statistics.took(static_cast<std::uint64_t>(clock_.read().mono_us - at.mono_us));
    return deadline_us_;
}

/// Returns whether the edge is drained: nothing that came before this turn waits there.
bool EventLoop::take_in(Now at) {
    ConnectionId from = 0;
    cast::wire::Slice frame;
    std::size_t bytes = 0;
    State& state = router_.state();
    while (frames_ < kTurnFrames && bytes < kTurnBytes && state.work < kTurnWork && edge_.receive(from, frame)) {
        ++frames_;
        bytes += frame.size();
        router_.handle(from, frame, at, outbox_);
        if (!router_.comings().greeted.empty()) [[unlikely]]
            tell_edge();
        if (!outbox_.controls.empty()) {  // before what the client said after it
            state.work += kCallWork;
            answer_calls(at);
        }
        frame = {};
        if (watcher_ != nullptr) [[unlikely]]
            watcher_->handled(from);
    }
    return frames_ < kTurnFrames && bytes < kTurnBytes && state.work < kTurnWork;
}

/// Not before what they had said: an end that cannot be sent to any more may have left words that are still to be
/// read. Each may have thousands of nodes: so not more of them than a turn is long enough for.
void EventLoop::drop_unreachable(Now at) {
    for (auto peer = unreachable_.begin(); peer != unreachable_.end() && router_.state().work < kTurnWork; ++peer) {
        router_.unreachable(*peer, at, outbox_);
        dropped_.push_back(*peer);
    }
}

void EventLoop::carry_out(Now at) {
    // Events make more of the outbox: they come first.
    if (!outbox_.events.empty()) router_.publish_events(cast::wire::kEventsGroup, encode_events(outbox_.events), at);
    if (control_.go_on(at, outbox_)) deadline_us_ = 0;
    answer_late(at);
    const Turn turn = router_.close_turn();
    if (store_.volatile_only()) router_.committed(turn);
    deadline_us_ = std::min(deadline_us_, router_.flush(at, outbox_));
    for (const LogLine& line : outbox_.log) log_(line);
    if (watcher_ != nullptr) watcher_->leaves(outbox_);
    send_all();
    outbox_.clear();
    if (!store_.volatile_only()) tell_store(at);
}

void EventLoop::send_all() {
    for (const Send& send : outbox_.sends) {
        // After one that did not leave, none may: it would look as if nothing were missing.
        if (!unreachable_.empty() && unreachable_.contains(send.to)) continue;
        if (edge_.send(send.to, send.frame) == Edge::Sent::gone) unreachable_.insert(send.to);
    }
    tell_edge();
    for (ConnectionId peer : dropped_)
        unreachable_.erase(peer);  // not before what was to leave for them is passed over
    dropped_.clear();
    for (const Publish& publish : outbox_.publishes) edge_.publish(publish.topic, publish.frame);
    for (const Load& load : outbox_.loads) store_.load(load);
}

/// What the store has done since the last turn.
void EventLoop::hear_store(Now at) {
    watch_.browse(store_, router_.state().watched(), at, outbox_);
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
void EventLoop::tell_store(Now at) {
    if (!store_.idle()) return;
    router_.committed(
        store_.committed());  // what became idle after hear_store looked; the next transaction takes its place
    if (!router_.wants_transaction(at, deadline_us_)) return;
    Transaction transaction;
    router_.collect(transaction, at);
    store_.begin(std::move(transaction));
}

/// Who came and went. A connection may do both in a turn: what it is now counts.
void EventLoop::tell_edge() {
    const Router::Comings comings = std::exchange(router_.comings(), {});
    for (ConnectionId id : comings.given_up)
        if (router_.state().sessions.connection(id) == nullptr) edge_.disconnected(id, true);
    for (ConnectionId id : comings.detached)
        if (router_.state().sessions.connection(id) == nullptr) edge_.disconnected(id, false);
    for (ConnectionId id : comings.greeted) edge_.greeted(id);
}

/// What the edge's queues hold counts in the memory budget, too.
void EventLoop::weigh_edge(Now at) {
    if (at.mono_us < weigh_us_) return;
    weigh_us_ = at.mono_us + kWeigh;
    const EdgeCounts counts = edge_.counts();
    router_.state().edge_bytes = counts.stranger_bytes + counts.subscriber_bytes + counts.pinned_bytes;
}

void EventLoop::answer_calls(Now at) {
    const std::vector<ControlCall> calls = std::move(outbox_.controls);
    outbox_.controls.clear();
    for (const ControlCall& call : calls) {
        if (watcher_ != nullptr) watcher_->calls(call);
        const ControlAnswer answer = control_.answer(call, at, outbox_);
        if (watcher_ != nullptr) watcher_->called(call, answer);
        if (answer.deferred) continue;
        if (answer.again) {
            postponed_.push_back(call);
            continue;
        }
        outbox_.send(call.from, cast::wire::encode(cast::wire::ControlReply{call.request, answer.code, answer.text}));
        if (answer.changes) hold_answer();
        router_.answered(call.from, answer.text.size(), at, outbox_);
    }
}

/// Answers of calls that took more than their turn.
void EventLoop::answer_late(Now at) {
    for (const DeferredAnswer& answer : outbox_.answers) {
        outbox_.send(answer.to.connection,
                     cast::wire::encode(cast::wire::ControlReply{answer.to.request, cast::ErrorCode::ok, answer.text}));
        if (answer.changes) hold_answer();
        router_.answered(answer.to.connection, answer.text.size(), at, outbox_);
    }
    for (const BrowseAnswer& browse : outbox_.browse_answers) {
        const std::string text = encode_previews(browse);
        outbox_.send(browse.to.connection,
                     cast::wire::encode(cast::wire::ControlReply{browse.to.request, browse.code, text}));
        router_.answered(browse.to.connection, text.size(), at, outbox_);
    }
}

/// The answer sent last is a promise, too: it leaves once the store keeps this turn.
void EventLoop::hold_answer() {
    if (store_.volatile_only()) return;
    answers_.emplace_back(router_.state().turn + 1, std::move(outbox_.sends.back()));
    outbox_.sends.pop_back();
    router_.state().dirty.urgent = true;
}

// --- Stopping. Draining: what has come is taken in. Keeping: it is committed, and receipted. Then everybody is told
// BYE. Closing: where everybody stands then is stored; nothing more is taken in. ------------------------------------

void EventLoop::stop(std::int64_t drain_us) {
    if (stopping()) return;
    phase_ = Phase::draining;
    until_us_ = clock_.read().mono_us + drain_us;
    router_.state().ending = true;
}

void EventLoop::go_on_stopping(Now at, bool drained) {
    const bool keeps = !store_.volatile_only();
    deadline_us_ = std::min(deadline_us_, at.mono_us + kKeepingCheck);
    if (phase_ == Phase::draining) {
        if (!drained && at.mono_us < until_us_) return;
        phase_ = Phase::keeping;
        until_us_ = std::max(until_us_, at.mono_us + kKeeping);
        router_.state().dirty.urgent = true;
        deadline_us_ = 0;
        if (keeps) return;
    }
    if (keeps && !store_.idle() && at.mono_us < until_us_) return;
    if (keeps) {  // it may have done so after this turn had looked
        hear_store(at);
        carry_out(at);
    }
    router_.goodbye(outbox_);
    carry_out(at);
    phase_ = keeps ? Phase::closing : Phase::stopped;
    deadline_us_ = 0;
}

std::int64_t EventLoop::close(Now at) {
    if (phase_ == Phase::stopped) return kNever;
    if (!store_.idle() && at.mono_us < until_us_) return at.mono_us + kKeepingCheck;
    router_.state().dirty.urgent = true;
    if (store_.idle())
        tell_store(at);
    else
        store_.incomplete();
    phase_ = Phase::stopped;
    return kNever;
}

}  // namespace broker
