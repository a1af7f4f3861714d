// Sessions and connections: who talks to us, how far each session's batches are accepted and receipted,
// and which connection speaks for it. Plain state and its look-ups; router.cpp drives it. Broker's thread.
#pragma once
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/store.hpp"
#include "core/types.hpp"
#include "wire/batch.hpp"
#include "wire/messages.hpp"
#include "wire/slice.hpp"

namespace broker {

struct Node;
struct Subscription;
struct Connection;

/// The key of what may be full: a node and a group of one name are two.
inline std::string destination_key(cast::wire::Cast cast, std::string_view target) {
    std::string destination(1, static_cast<char>(cast));
    return destination.append(target);
}

/// Nodes in the order in which their connections were lost: Node::lost_us, which stays as it is while they are listed.
struct ByLoss {
    bool operator()(const Node* a, const Node* b) const;
};

/// Nodes in the order in which they were made, so that the core does the same in every run.
struct ByAge {
    bool operator()(const Node* a, const Node* b) const;
};

/// A receipt that is held back to slow a sender down: batch `number` went to the lagging `stream`.
struct DelayedReceipt {
    std::uint64_t number = 0;
    StreamId stream = 0;
    std::uint64_t bytes_before = 0;  ///< bytes of the session's batches before it, ever
};

/// Why a batch will not be delivered may be told once the turn that decided it is kept: a crash could take that back.
struct Answer {
    cast::wire::Outcome outcome;
    Turn turn = 0;
};

struct Session {
    SessionId id = 0;
    std::uint64_t life = 0;  ///< counts the sessions ever made: one that ended may come back under its id
    std::uint32_t attempt = 0;
    bool known = false;  ///< it began with us, or its client has accepted that we know nothing of its past
    Connection* connection = nullptr;  ///< null while it is away
    std::int64_t away_since_us = 0;
    ConnectionId detached = 0;  ///< the connection it lost, on which its BYE may still come; 0: none
    SecretHash secret = {};     ///< whoever comes as this session has to know it; all zeros: anybody may
    std::string agent, host;

    std::uint64_t through = 0;                 ///< last batch with an outcome
    std::uint64_t committed = 0;               ///< last batch whose outcome the store keeps
    std::uint64_t receipted = 0;               ///< last batch that was receipted on this connection
    std::vector<cast::wire::Outcome> refused;  ///< not yet confirmed by the client, ascending
    std::size_t refused_sent = 0;              ///< how many of them were sent on this connection
    std::deque<Answer> delivered;              ///< answers to kWantsDelivered; the newest are kept to repeat
    std::size_t delivered_sent = 0;
    std::deque<DelayedReceipt> held;
    std::unordered_map<std::string, cast::ErrorCode>
        blocked;                        ///< by destination_key(): targets that refuse until a batch says resume
    std::uint64_t window = 0;           ///< the largest that it was told: what is under way may still fill that one
    std::uint64_t accepted_bytes = 0;   ///< of all batches with an outcome, ever
    std::uint64_t committed_bytes = 0;  ///< of those that the store keeps
    std::uint64_t receipted_bytes = 0;  ///< of those that were receipted
    std::int64_t receipt_due_us = kNever;
    std::size_t place = 0;  ///< among the newest of State::uncommitted, if it is there
    bool dirty = false;     ///< listed among the sessions of this turn
    bool touched = false;   ///< listed for the next transaction

    /// Whether who knows the secret of this hash may speak for the session. One without a secret is anybody's who knows
    /// its id: it began with a client, or a broker, of version 1, and is the first one's who comes with a secret.
    bool admits(const SecretHash& said) const;
    std::uint64_t unreceipted_bytes() const { return accepted_bytes - receipted_bytes; }
    /// The last batch that may be receipted now.
    std::uint64_t receiptable() const {
        if (held.empty() || held.front().number > committed) return committed;
        return held.front().number - 1;
    }
};

/// A name that a connection sends as; its node, when there is one, counts what it sends.
struct Sender {
    bool receives = false;
};

struct Connection {
    ConnectionId id = 0;
    Session* session = nullptr;
    std::int64_t heard_us = 0;
    std::int64_t pinged_us = 0;
    std::unordered_map<std::string, Sender> senders;
    std::set<Node*, ByAge> nodes;  ///< received as, on this connection
    std::unordered_map<StreamId, Subscription*> subscriptions;
    std::vector<cast::wire::Slice> deliveries;  ///< DELIVER frames of this turn, not yet sent
    std::size_t delivery_bytes = 0;
    const std::string* last_sender = nullptr;  ///< a key of `senders`: the one looked up last
    std::size_t answer_bytes = 0;              ///< of answers that it may not have read yet
    std::size_t probed_bytes = 0;              ///< of those, sent before the probe
    std::uint64_t probe = 0;  ///< token of the PING that is to show that it reads; 0: none is under way
};

class Sessions {
public:
    Connection* connection(ConnectionId id);
    Session* session(SessionId id);
    std::size_t connections() const { return connections_.size(); }
    std::size_t sessions() const { return sessions_.size(); }
    std::uint64_t lives() const { return lives_; }

    Connection& add_connection(ConnectionId id, Session& session, std::int64_t mono_us);
    void remove_connection(ConnectionId id);
    Session& add_session(SessionId id);
    void remove_session(SessionId id);

    /// Sessions without a connection, longest away first.
    std::list<SessionId>& away() { return away_; }
    void mark_away(Session& session, std::int64_t mono_us);
    void mark_back(Session& session);

    template <class Visit>
    void for_each_session(Visit&& visit) {
        for (auto& entry : sessions_) visit(*entry.second);
    }
    template <class Visit>
    void for_each_connection(Visit&& visit) {
        for (auto& entry : connections_) visit(*entry.second);
    }

private:
    std::unordered_map<ConnectionId, std::unique_ptr<Connection>> connections_;
    std::unordered_map<SessionId, std::unique_ptr<Session>> sessions_;
    std::uint64_t lives_ = 0;
    std::list<SessionId> away_;
    std::unordered_map<SessionId, std::list<SessionId>::iterator> away_at_;
};

}  // namespace broker
