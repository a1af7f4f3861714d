// Oracle: what must be true. It watches every message from the sender's call to the reader's hand, keeps its own
// copy of each stream's order, and compares both sides with it. It knows the contract and nothing of how it is kept.
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/control.hpp"
#include "core/router.hpp"
#include "src/inbound/inbound.hpp"
#include "src/outbound/outbound.hpp"
#include "support/memory_disk.hpp"
#include "wire/record.hpp"

namespace sim {

/// A broker's streams are numbered from its epoch times this.
inline constexpr std::uint64_t kStreamsOfEpoch = 100000;

/// A line of the contract that did not hold.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};
inline void require(bool holds, const char* what) {
    if (!holds) throw Violation(what);
}
template <class Say>
void require(bool holds, Say&& say) {
    if (!holds) throw Violation(say());
}

/// One message to one target.
struct Message {
    int client = 0;
    std::uint32_t flow = 0;  ///< number of its (client, sender, target, cast, priority)
    std::string sender;
    std::string target;
    cast::wire::Cast cast = cast::wire::Cast::unicast;
    std::uint8_t flags = 0;
    std::uint32_t ttl_ms = 0;
    std::uint64_t token = 0;
    std::uint64_t epoch = 0;    ///< of the broker that took it last
    int taken = 0;              ///< by how many epochs
    std::uint64_t number = 0;   ///< of the batch that brought it
    std::uint64_t session = 0;  ///< its sender's
    std::uint64_t stream = 0;   ///< where it was put last
    std::uint64_t sequence = 0;
    bool expected = false;     ///< nothing stands in its way: it must be delivered
    bool doubtful = false;     ///< sent to a broker that knew nothing of its session, and no answer came
    bool renumbered = false;   ///< taken before a crash, then refused, then taken again: nobody can know it again
    bool handled = false;      ///< by anybody
    std::uint64_t due_us = 0;  ///< it waits until then first; 0: it does not
    std::uint64_t waited = 0, batch = 0;  ///< its number in $scheduled, and its batch's
    bool entered = false;                 ///< it has come to its stream, or found no target any more
};

/// What one reader (a node attached once) has got.
struct ReaderRecord {
    std::uint64_t granted = 0;  ///< event at which the broker granted it the node; 0: not yet
    std::string node;
    bool holds = false;  ///< the broker takes it for the node's reader
    bool gone = false;
    std::vector<bool> handled;                                          // by message
    std::unordered_map<std::uint64_t, std::uint64_t> last;              // sequence by stream
    std::vector<std::pair<std::uint64_t, std::uint32_t>> last_of_flow;  // epoch and message by flow
};

class Oracle {
public:
    // --- Sending. ----------------------------------------------------------------------------------------
    /// Gives the message its number and its payload.
    std::uint32_t sent(int client, cast::detail::OutgoingRecord& record, std::size_t size, std::string& payload);
    void refused(int client, cast::ErrorCode code, const std::string& target, std::size_t count);
    void token_answered(std::uint32_t message, cast::ErrorCode code);
    /// The client's session is gone or its outcomes are unknown: its counts prove nothing.
    void unknown(int client) { flows_of(client).unknown = true; }
    /// The last message sent is one that nothing stands in the way of.
    void expect_last() { messages_.back().expected = true; }
    /// Its connection ended before it heard from a broker that knows it: should that one forget the session, nobody
    /// can say what it took.
    void doubt(int client) {
        unknown(client);
        for (Message& m : messages_) m.doubtful = m.doubtful || m.client == client;
    }
    /// All is settled: every message has had one outcome.
    void check_outcomes(int client, std::uint64_t added);
    /// What readers heard has expired is among the dead letters, and nothing is there twice.
    void check_dead(const broker::Router& router);

    // --- The broker. -------------------------------------------------------------------------------------
    void before(broker::Router& router, broker::ConnectionId from, std::string_view frame);
    void after(broker::Router& router, broker::ConnectionId from);
    /// This stream has messages of the broker's own alone, up to this one.
    void own_messages(std::uint64_t stream, std::uint64_t last) { mirrors_[stream].resize(last, 0); }
    void browse(broker::Router& router);  ///< at the end of a turn: memberships and cursors
    /// The broker hands these out.
    void handed(std::string_view frame);
    /// The same, at the end of the turn: what is handed out of a mailbox comes after all that is more urgent there.
    void check_priorities(broker::Router& router, std::string_view frame);
    /// What leaves for a client says nothing of its nodes, or of a message that has expired, that a crash could take
    /// back.
    void check_announced(broker::Router& router, const std::vector<broker::Send>& sends, std::size_t i,
                         const cast::test::MemoryDisk& disk);
    /// A reader that attaches again has, by its own word, what it had been handed: it is not handed that again.
    void came_back(std::string_view frame);
    /// A management call is about to be carried out, and was (oracle_calls.cpp).
    void calls(broker::Router& router, const broker::ControlCall& call);
    void called(broker::Router& router, const broker::ControlCall& call, const broker::ControlAnswer& answer,
                const cast::test::MemoryDisk& disk);
    /// What leaves for a client is no answer about something that the disk does not have. `committed`: what it has.
    void check_promise(broker::ConnectionId to, std::string_view frame, broker::Turn committed);
    /// What time it is for the broker.
    void clock(broker::Now now) { now_ = now; }
    /// After a tick in which so many batches entered: no delay lasts longer than it should, however the wall clock is
    /// set.
    void check_delays(broker::Router& router, std::size_t entered);
    void entered(broker::Router& router, const broker::Entered& entered, std::uint64_t wall_us);
    std::uint64_t last_due_us() const { return last_due_us_; }
    void new_epoch(std::uint64_t epoch);
    /// The broker is about to be lost; a durable one comes back as the disk has it (oracle_disk.cpp).
    void lost_broker(broker::Router& router);
    /// `in_order`: its end was one, and took nothing back.
    void recovered(std::uint64_t epoch, const cast::test::MemoryDisk& disk, broker::Router& router, bool in_order);
    /// Nothing that is handed out has run out of its time.
    static void check_fresh(std::string_view frame, std::uint64_t wall_us);
    /// A session was told that its batches up to this one have their outcomes.
    void receipted(std::uint64_t session, std::uint64_t through) {
        receipted_[session] = std::max(receipted_[session], through);
    }

    // --- Reading. ----------------------------------------------------------------------------------------
    void handled(broker::Router* router, ReaderRecord& reader, const cast::wire::BatchHeader& header,
                 std::uint64_t sequence, std::string_view payload, bool redelivered);
    void malformed(broker::Router* router, ReaderRecord& reader, const cast::wire::BatchHeader& header,
                   std::uint64_t from);
    void gap(broker::Router* router, const std::string& node, const cast::wire::Gap& gap, std::uint64_t count);
    void add_reader(ReaderRecord* reader) { readers_.push_back(reader); }
    /// Numbers what happens, in order.
    std::uint32_t next_event() { return ++events_; }

    const Message& message(std::uint32_t id) const { return messages_[id]; }
    std::uint64_t epoch() const { return epoch_; }
    std::uint64_t deliveries() const { return deliveries_; }
    std::uint64_t taken() const { return taken_; }

private:
    struct Ledger {  ///< what became of one stream's messages for one node
        std::string node;
        std::uint64_t base = 0;            ///< it became a reader after this sequence
        std::uint64_t prefix = 0;          ///< accounted for through this sequence
        std::vector<std::uint32_t> first;  ///< by sequence - base - 1: event at which it was first handled, 0 for never
        std::vector<bool> gaps;
    };
    struct Ended {  ///< a lane of a node that was deleted: what nobody has read of it becomes letters, in this order
        std::vector<std::uint32_t> messages;
        std::uint32_t event = 0;
        bool hidden = false;
    };
    struct Member {
        std::string name;
        std::uint64_t node = 0;
        std::string group;
        std::uint64_t stream = 0;
    };
    struct Call {  ///< the management call at hand, and what it is about as that was before
        std::string op, name;
        std::uint64_t node = 0;
        std::map<std::uint64_t, Ended> ended;
        std::vector<Member> members;
        std::uint64_t letter = 0;
        std::uint32_t message = 0;
        std::uint8_t priority = 0;
    };
    struct ClientCounts {
        std::uint64_t taken = 0;  ///< messages that a stream took
        std::uint64_t refused = 0;
        bool unknown = false;
    };
    struct Pending {  ///< a batch of the frame that the broker is about to handle
        cast::wire::BatchHeader header;
        std::string target, sender;
        std::vector<std::uint32_t> ids;
    };
    using LedgerKey = std::pair<std::uint64_t, std::uint64_t>;  // node (0: a lane), stream

    ClientCounts& flows_of(int client) { return counts_[client]; }
    std::uint32_t flow(int client, const cast::detail::OutgoingRecord& record);
    void accepted(broker::Router& router, const Pending& batch);
    void check_refusal(broker::Router& router, broker::ConnectionId from, const Pending& batch, cast::ErrorCode code);
    void note_members(broker::Router& router, const nlohmann::json& request, const std::string& group);
    Ended end_of(const broker::Lane& lane);
    /// Somebody takes the message's letter.
    void dug_up(std::uint32_t message) {
        dug_up_.insert(message);
        ++dug_;
    }
    /// And puts it back: it is the last one of this lane now.
    void requeued(broker::Router& router, const std::string& node, std::uint8_t priority, std::uint32_t message,
                  const cast::test::MemoryDisk& disk);
    /// A lane of this node begins, after a purge, with so many messages that are gone.
    void purged(const std::string& node, std::uint64_t stream, std::uint64_t count);
    void left(std::uint64_t node, std::uint64_t stream) {
        const auto at = ledgers_.find({node, stream});
        if (at == ledgers_.end()) return;
        departed_.push_back({stream, std::move(at->second)});  // should a crash take it back
        ledgers_.erase(at);
    }
    void wait(broker::Router& router, const Pending& batch);  // this and the next: oracle_scheduled.cpp
    void check_scheduled(Message& message, std::size_t id, const cast::test::MemoryDisk& disk);
    void check_requeued(const cast::test::MemoryDisk& disk);
    void carry_ended(const cast::test::MemoryDisk& disk, broker::Router& router);
    void check_ended(broker::DeadLetters& letters) const;
    void check_nothing_lost(const cast::test::MemoryDisk& disk);
    void note(const Pending& batch, std::uint32_t id, std::uint64_t stream, std::uint64_t sequence);
    void take(const Pending& batch, std::uint32_t id, std::uint64_t stream, std::vector<std::uint32_t>& mirror);
    void check_survivors(const cast::test::MemoryDisk& disk);
    void carry_ledgers(const cast::test::MemoryDisk& disk, broker::Router& router);
    static bool superseded(const std::vector<broker::Send>& sends, std::size_t i);
    void check_membership(broker::Router& router, std::string_view body, const cast::test::MemoryDisk& disk);
    bool was_once(std::uint64_t stream, std::uint64_t sequence, std::uint32_t id) const;
    Ledger* ledger(broker::Router* router, const std::string& node, std::uint64_t stream);
    Ledger& ensure(LedgerKey key, std::uint64_t base);
    bool accounted(const Ledger& ledger, const std::string& node, std::uint64_t stream, std::uint64_t sequence);
    bool came_again(const std::string& node, std::uint32_t message);
    void check_cursor(Ledger& ledger, const std::string& node, std::uint64_t stream, std::uint64_t cursor);
    void check_given_up(broker::Router& router, const broker::Lane& lane);
    void check_order(ReaderRecord& reader, std::uint32_t id, std::uint64_t epoch);

    std::vector<Message> messages_{1};  // number 0 is what strangers send
    std::unordered_map<std::string, std::uint32_t> flow_numbers_;
    std::map<int, ClientCounts> counts_;
    std::vector<Pending> pending_;
    std::uint64_t through_before_ = 0;
    std::uint64_t pending_session_ = 0;
    std::set<std::uint64_t> remade_;  // sessions that the broker had no past of when they came back
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t> last_taken_;  // epoch, flow -> message
    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> mirrors_;        // stream -> messages by sequence - 1
    std::unordered_map<std::uint64_t, std::string> lane_nodes_;                    // stream -> node
    broker::Now now_;
    std::set<std::pair<std::int64_t, std::uint64_t>> delays_;  // when they end, and their batches; in this epoch
    std::uint64_t scheduled_ = 0, last_due_us_ = 0;            // the stream of what waits
    std::map<LedgerKey, Ledger> ledgers_;
    std::set<std::pair<std::string, std::uint32_t>> announced_gone_;  // node, message
    std::set<std::uint32_t> expired_;                                 // in mailboxes, in this epoch
    std::map<std::string, std::pair<std::uint64_t, int>>
        lives_;                                  // of nodes in this epoch: the number of the last, and how many
    std::set<std::uint32_t> announced_expired_;  // their senders were told so
    std::map<std::uint32_t, unsigned> handed_;   // in mailboxes: how often
    std::set<std::pair<std::uint64_t, std::uint64_t>> given_up_;  // stream, sequence: moved to the dead letters
    std::set<std::uint32_t> announced_given_up_;                  // and their readers know it
    std::vector<ReaderRecord*> readers_;
    Call call_;
    std::map<std::pair<broker::ConnectionId, std::uint32_t>, broker::Turn> promises_;  // by call: what decided it
    struct Requeued {
        std::uint32_t message = 0;
        std::uint64_t letter = 0;  ///< the stream of its letter
        bool stored = false;       ///< that one was on the disk
        std::uint64_t stream = 0, sequence = 0;
    };
    std::vector<Requeued> requeued_;             // in this epoch
    std::set<std::uint32_t> dug_up_;             // messages whose letters somebody took
    std::map<std::uint64_t, Ended> ended_;       // lanes of nodes that were deleted
    std::uint64_t dug_ = 0, found_letters_ = 0;  // in this epoch
    bool letters_dropped_ = false;               // in any of a durable broker

    // Of a durable broker.
    bool durable_ = false;
    std::map<std::uint64_t, std::uint64_t> receipted_;  // session -> receipted through
    std::vector<std::pair<std::uint64_t, Ledger>> departed_;
    std::set<std::uint64_t> living_;                   // sessions when the broker was lost
    std::map<std::string, std::uint64_t> nodes_then_;  // and its nodes
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::set<std::uint32_t>> once_;  // what a lost broker had where
    std::uint32_t events_ = 0;
    std::uint64_t epoch_ = 1;
    std::uint64_t deliveries_ = 0;
    std::uint64_t taken_ = 0;
};

/// The number of the message with this payload; 0 when no client of ours made it.
std::uint32_t number_of(std::string_view payload);

std::string text(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace sim
