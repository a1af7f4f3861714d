// Inbound: the receiving half of a session. Knows for each node how far it has got in each stream that it reads,
// puts what comes into the nodes' queues in order, finds gaps and fetches them, acknowledges. Pure: time comes
// from outside, frames go into a ClientOutbox. Under the link's lock.
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/inbound/inbox.hpp"
#include "src/session/outbox.hpp"
#include "src/session/session_time.hpp"
#include "wire/batch.hpp"
#include "wire/messages.hpp"
#include "wire/slice.hpp"

namespace cast::detail {

struct ReadStream {
    std::uint64_t id = 0;
    std::uint8_t kind = 0;
    std::string group;
    std::vector<std::shared_ptr<Reading>> readings;
    std::uint64_t tail = 0;   ///< the last sequence known to exist
    std::uint64_t acked = 0;  ///< told to the broker for all that are not excepted
    bool fetching = false;
    bool active = false;  ///< listed for the next ACK
    struct DeliveredBatch {
        std::uint64_t session = 0, number = 0, last = 0;
    };
    std::deque<DeliveredBatch> seen;  ///< the latest batches, to recognise them after a restart of the broker
    bool lane() const { return kind < wire::kPriorities; }
    std::string key() const;
};

class Inbound {
public:
    // What comes.
    void deliver(const wire::Slice& batches, std::int64_t now_us, ClientOutbox& out);    ///< over ROUTER
    void published(const wire::Slice& batches, std::int64_t now_us, ClientOutbox& out);  ///< over PUB
    void gap(const wire::Gap& gap, std::int64_t now_us, ClientOutbox& out);
    void fetched(const wire::Fetched& fetched, std::int64_t now_us, ClientOutbox& out);
    void tail(const wire::Tail& tail, ClientOutbox& out);

    // --- Nodes and their streams. ------------------------------------------------------------------------
    void open(Inbox& inbox, const wire::StreamInfo& info, ClientOutbox& out);
    /// The node is attached and reads these streams and no others.
    void opened(Inbox& inbox, const std::vector<wire::StreamInfo>& streams, ClientOutbox& out);
    /// It reads this stream no more; should it come back, it knows what it had.
    void leave(Inbox& inbox, std::uint64_t stream, ClientOutbox& out);
    void close(Inbox& inbox, std::uint64_t stream, ClientOutbox& out);
    void close_all(Inbox& inbox, ClientOutbox& out);
    std::vector<wire::Position> positions(const Inbox& inbox) const;

    // --- The connection's life. --------------------------------------------------------------------------
    void online() { online_ = true; }  ///< frames may leave; each node fetches what it lacks once it is attached
    void offline();
    /// The broker began anew: its streams are others, or their last numbers may mean other batches. Remembers what was
    /// received, and where each node stood if it is one of the next few of the same store: `by` epochs on from the one
    /// before; 0: of another store, or it has forgotten us.
    void new_epoch(std::uint64_t by, ClientOutbox& out);
    /// Of the broker that we are welcomed to; before anything is opened.
    void epoch(std::uint64_t epoch) { epoch_ = epoch; }

    // --- What the program does. --------------------------------------------------------------------------
    /// An item was handled to its end.
    void finished(const Item& item, std::int64_t now_us, ClientOutbox& out);
    /// Some of an item was handled: Reading::done says how much.
    void handled_some(const Item& item, std::int64_t now_us);
    /// Sends the ACKs that are due; `at_once` does not wait for the delay. Returns the next deadline.
    std::int64_t tick(std::int64_t now_us, bool at_once, ClientOutbox& out);
    /// Something else leaves now: an ACK that would soon follow goes with it and saves a wake-up.
    void ride(std::int64_t now_us, ClientOutbox& out) {
        if (!active_.empty() && now_us >= ack_due_us_ - kAckRide) tick(now_us, true, out);
    }
    bool unacknowledged() const { return !active_.empty(); }
    bool acknowledged() const { return acknowledged_; }  ///< some ACK has left, ever
    /// Reader windows as the broker proposes them; ACKs go out at a quarter.
    void window(std::size_t bytes) { window_ = bytes; }

private:
    ReadStream* lane_of(const wire::BatchHeader& header);
    void accept(ReadStream& stream, const std::shared_ptr<const ReceivedBatch>& batch);
    void carry_on(const Inbox& inbox, const wire::StreamInfo& info, const std::vector<wire::Position>& earlier);
    std::shared_ptr<Reading> begin(Inbox& inbox, ReadStream& stream, std::uint64_t cursor);
    void hand(Reading& reading, const std::shared_ptr<Reading>& shared,
              const std::shared_ptr<const ReceivedBatch>& batch);
    void take_batches(const wire::Slice& batches, std::int64_t now_us, ClientOutbox& out);
    void fetch(ReadStream& stream, ClientOutbox& out);
    void bequeath(const std::shared_ptr<Reading>& reading);
    void skip(Reading& reading, std::uint64_t to);
    bool acknowledge(ReadStream& stream, wire::Ack& ack);
    void activate(ReadStream& stream, std::int64_t due_us);

    std::unordered_map<std::uint64_t, std::unique_ptr<ReadStream>> streams_;
    std::unordered_map<std::string, Inbox*> inboxes_;
    std::vector<ReadStream*> active_;  ///< with something handed over and not yet acknowledged
    std::int64_t ack_due_us_ = 0;
    std::size_t handled_bytes_ = 0;  ///< since the last ACK
    std::size_t window_ = wire::kReaderWindow;
    bool online_ = false;
    bool acknowledged_ = false;
    std::uint64_t epoch_ = 0;
    std::uint64_t published_ = 0;       ///< frames that SUB brought
    std::uint64_t published_seen_ = 0;  ///< at the last TAIL that told of something missing
    int stalled_ = 0;
};

}  // namespace cast::detail
