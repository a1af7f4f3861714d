// Attachments: which session holds which node, on which connection; making, losing, taking over and deleting
// nodes. Pure; broker's thread.
#pragma once
#include <vector>

#include "core/group/groups.hpp"
#include "core/mailbox/mailboxes.hpp"
#include "core/mailbox/reaper.hpp"
#include "core/state.hpp"

namespace broker {

class Attachments {
public:
    Attachments(State& state, Groups& groups, Mailboxes& mailboxes, Reaper& reaper)
        : state_(state), groups_(groups), mailboxes_(mailboxes), reaper_(reaper) {}

    /// Answers with one ATTACHED now, and with another for each node whose holder must be asked first.
    void attach(Connection& connection, const cast::wire::Attach& attach, Now now, Outbox& outbox);
    void detach(Connection& connection, std::string_view name, Now now, Outbox& outbox);
    /// The connection is lost or replaced: its nodes wait for the session to come back. `tell`: they are offline.
    void unbind(Connection& connection, bool tell, Now now, Outbox& outbox);
    /// The session is over: what it holds is let go.
    void end(Session& session, Now now, Outbox& outbox);

    /// A node's holder was heard: who wants the node is answered name_in_use.
    void heard(const Connection& holder, Now now, Outbox& outbox);
    /// Conflicts and grace times that have run out; returns when the next one does.
    std::int64_t tick(Now now, Outbox& outbox);

    /// Makes a created node of this name, or of the one that there is. Null: `code` says why not.
    Node* create(std::string_view name, cast::ErrorCode& code, Now now, Outbox& outbox);
    cast::ErrorCode remove(std::string_view name, Now now, Outbox& outbox);
    /// Throws its unread mail away; its reader is told of a gap. Returns how many messages.
    std::uint64_t purge(Node& node, Now now, Outbox& outbox);

private:
    struct Conflict {  ///< somebody wants a node that is held; the holder was pinged
        ConnectionId wants = 0;
        ConnectionId holder = 0;
        std::uint32_t request = 0;
        std::int64_t until_us = 0;
        std::uint8_t flags = 0;
        std::string name;
    };

    cast::ErrorCode check_name(const Connection& connection, std::string_view name) const;
    Node* find_or_make(std::string_view name, Now now, Outbox& outbox);
    bool held_elsewhere(const Node& node, const Connection& connection) const;
    void displace(Node& node, Now now, Outbox& outbox);
    /// Binds the node and says how it stands.
    cast::wire::AttachedNode bind(Node& node, Connection& connection, const cast::wire::AttachNode& wish, Now now,
                                  Outbox& outbox);
    /// `earlier`: positions of an earlier epoch, which were counted.
    cast::wire::AttachedNode answer(Node& node, const Positions& earlier, bool same_reader) const;
    void lose(Node& node, Now now);
    void release(Node& node, Now now, Outbox& outbox);
    void vanish(Node& node, Now now, Outbox& outbox);
    void event(Outbox& outbox, const char* kind, const Node& node, Now now);
    template <class Those>
    void settle_those(Those&& those, bool holder_lives, Now now, Outbox& outbox);
    void settle(const Conflict& conflict, bool holder_lives, Now now, Outbox& outbox);

    State& state_;
    Groups& groups_;
    Mailboxes& mailboxes_;
    Reaper& reaper_;
    std::vector<Conflict> conflicts_;
};

}  // namespace broker
