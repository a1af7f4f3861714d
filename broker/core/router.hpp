// Router: the heart. A pure state machine: frames and time go in, an Outbox comes out. It reads no clock, calls
// nothing outside, holds no lock. One thread (the broker's) owns it.
//
// A turn: handle() each frame; tick(); close_turn(); committed() what the store has; flush(). When the store is idle
// and wants_transaction(): collect() one and hand it over.
#pragma once
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/browser.hpp"
#include "core/dead_letters.hpp"
#include "core/group/groups.hpp"
#include "core/mailbox/mailboxes.hpp"
#include "core/mailbox/reaper.hpp"
#include "core/persistence/page_loads.hpp"
#include "core/persistence/persister.hpp"
#include "core/scheduled.hpp"
#include "core/session/attachments.hpp"
#include "core/session/receipts.hpp"
#include "core/state.hpp"

namespace broker {

class Router {
public:
    explicit Router(const Config& config);

    /// A frame from a connection. A frame with one large batch is adopted: its bytes are then the core's to write.
    void handle(ConnectionId from, const cast::wire::Slice& frame, Now now, Outbox& outbox);
    /// An answer of so many bytes was sent: a peer that asks and asks and never reads is given up.
    void answered(ConnectionId to, std::size_t bytes, Now now, Outbox& outbox);
    /// The edge could not send to this peer: it is gone.
    void unreachable(ConnectionId id, Now now, Outbox& outbox);
    /// Timers. Returns the next deadline (monotonic), kNever when there is none.
    /// `drained`: nothing waits unread at the edge, so a silent peer is silent indeed.
    std::int64_t tick(Now now, Outbox& outbox, bool drained = true);

    Turn close_turn() { return receipts_.close_turn(); }
    void committed(Turn turn) {
        receipts_.committed(turn);
        if (state_.config.durable) persister_.committed(turn);
    }
    /// Something is to be stored now; else `due_us` is brought forward to when.
    bool wants_transaction(Now now, std::int64_t& due_us);
    void collect(Transaction& transaction, Now now) { persister_.collect(transaction, now); }
    /// What the store answered to a load of an outbox.
    void loaded(Loaded&& loaded, Now now, Outbox& outbox) { page_loads_.loaded(std::move(loaded), now, outbox); }
    /// What a start found in the store; before anything else. Config: durable, first_stream, broadcast_stream.
    void restore(const Recovered& recovered, Now now, Outbox& outbox);
    /// Deliveries, publications and receipts of the turn. Returns when the next receipt is due.
    std::int64_t flush(Now now, Outbox& outbox);

    // --- Management; answered by the part that knows JSON (control.cpp). --------------------------------
    Node* create_node(std::string_view name, cast::ErrorCode& code, Now now, Outbox& o) {
        return attachments_.create(name, code, now, o);
    }
    cast::ErrorCode delete_node(std::string_view name, Now now, Outbox& o) { return attachments_.remove(name, now, o); }
    Group* create_group(std::string_view name, cast::ErrorCode& code, Now now, Outbox& outbox);
    cast::ErrorCode delete_group(std::string_view name, Now now, Outbox& outbox);
    cast::ErrorCode join(std::string_view node, std::string_view group, Now now, Outbox& outbox);
    cast::ErrorCode leave(std::string_view node, std::string_view group, Now now, Outbox& outbox);
    /// Messages for somebody who looks; the answers come with an outbox.
    Browser& browser() { return browser_; }
    DeadLetters& dead() { return dead_; }
    cast::ErrorCode requeue(std::uint64_t letter, Now now) { return dead_.requeue(letter, mailboxes_, now); }
    /// Throw away what waits for a node, or what a group keeps. Return how many messages.
    std::uint64_t purge(Node& node, Now now, Outbox& o) { return attachments_.purge(node, now, o); }
    std::uint64_t purge(Group& group) { return groups_.purge(group); }
    /// Multicasts sealed reports of the broker's own (a batch behind 8 free bytes) on $events.
    void publish_events(std::string_view group, std::string&& frame, Now now);

    State& state() { return state_; }
    Scheduled& scheduled() { return scheduled_; }
    const Config& config() const { return state_.config; }
    /// Takes changed limits and times over (SIGHUP). Epoch, store id and stream ids stay. Clients are told of theirs;
    /// what is beyond a smaller limit and may go without a sender's or a reader's doing goes in the next turns.
    void reconfigure(const Config& config, Outbox& outbox);
    /// PUB ends and version for WELCOME.
    void announce(std::vector<std::string> publish_endpoints, std::string version);
    void store_health(bool healthy) {
        tell_sick_ = tell_sick_ || (state_.store_healthy && !healthy);
        state_.store_healthy = healthy;
    }
    /// Whether something is published under this topic. What makes a topic of a stream makes the stream of a topic,
    /// too.
    bool publishes(std::uint64_t topic) const {
        return state_.directory.owner(cast::wire::publish_topic(topic, state_.config.epoch)).group != nullptr;
    }
    /// Connections of which the edge is to know; whoever tells it clears them.
    struct Comings {
        std::vector<ConnectionId> greeted;   ///< have said a HELLO that was taken
        std::vector<ConnectionId> detached;  ///< have said BYE, and may say HELLO again
        std::vector<ConnectionId> given_up;  ///< are not spoken to any more
    };
    Comings& comings() { return comings_; }
    /// Says BYE to every connection.
    void goodbye(Outbox& outbox);

private:
    void take_frame(ConnectionId from, const cast::wire::Slice& frame, Now now, Outbox& outbox);
    void proven(Connection& connection, std::uint64_t token);
    void hello(ConnectionId from, const cast::wire::Frame& frame, Now now, Outbox& outbox);
    void cast(Connection& connection, const cast::wire::Frame& frame, const cast::wire::Slice& bytes, Now now,
              Outbox& outbox);
    /// False when the number is not the next one.
    bool take(Connection& connection, const cast::wire::BatchView& batch, const cast::wire::Slice* whole, Now now);
    cast::ErrorCode place(Connection& connection, const cast::wire::BatchView& batch, const cast::wire::Slice* whole,
                          Now now);
    cast::ErrorCode admit(Connection& connection, const cast::wire::BatchView& batch, Node*& node, Group*& group,
                          Now now);
    /// It is one that the sender is not to try again here.
    bool rejects(cast::ErrorCode code) const {
        return state_.config.reject_full &&
               (code == cast::ErrorCode::mailbox_full || code == cast::ErrorCode::group_busy);
    }
    void ack(Connection& connection, const cast::wire::Frame& frame, Now now, Outbox& outbox);
    bool dispatch(Connection& connection, const cast::wire::Frame& frame, Now now, Outbox& outbox);
    void error(ConnectionId to, cast::ErrorCode code, cast::wire::Verb verb, std::string_view text, Outbox& outbox);
    void drop(Connection& connection, bool tell, Now now, Outbox& outbox);
    /// BYE on a connection that could not be sent to any more. False when it is none of those.
    bool part(ConnectionId from, Now now, Outbox& outbox);
    void end_session(Session& session, Now now, Outbox& outbox);
    void go_on(Now now, Outbox& outbox);
    void expire(Now now, Outbox& outbox);
    void sweep_expiry_queue();
    std::int64_t sweep(Now now, Outbox& outbox, bool drained);
    bool more_to_do() const;

    State state_;
    Receipts receipts_;
    DeadLetters dead_;
    Mailboxes mailboxes_;
    Reaper reaper_;
    Groups groups_;
    Attachments attachments_;
    Scheduled scheduled_;
    Browser browser_;
    StreamRegistry streams_;
    Persister persister_;
    PageLoads page_loads_;
    std::vector<std::string> publish_endpoints_;
    std::string version_;
    std::int64_t next_sweep_us_ = 0;
    bool shrinking_ = false;  ///< something has more than its limit allows
    bool tell_sick_ = false;  ///< the store has just failed: who waits for receipts is told
    std::uint64_t probes_ = 0;
    std::vector<cast::wire::BatchView> batches_;            ///< of the frame at hand; kept for its memory
    cast::wire::Ack ack_;                                   ///< the same
    std::vector<StreamId> acked_;                           ///< the same
    std::unordered_map<ConnectionId, SessionId> detached_;  ///< by Session::parted
    Comings comings_;
    std::set<ConnectionId> evicted_;  ///< given up because they do not read; they get no answer any more
};

}  // namespace broker
