// Inbox: what a node has received and not yet handed over, and how far it has got in each stream that it reads. Who
// puts batches in is Inbound, who takes them out a Reader. Under the link's lock, but for Reading::done, Inbox::closed.
#pragma once
#include <array>
#include <atomic>
#include <cast/error.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/inbound/ready_queue.hpp"
#include "wire/batch.hpp"
#include "wire/messages.hpp"
#include "wire/slice.hpp"

namespace cast {

/// A batch as its messages share it (cast/message.hpp).
struct ReceivedBatch {
    wire::Slice bytes;     ///< the batch
    wire::BatchView view;  ///< into `bytes`
};

namespace detail {

struct Inbox;
struct ReadStream;

/// Batches that a node had when a broker began anew, to know them when they come again. Bounded: the oldest go.
class Memory {
public:
    void add(std::uint64_t session, std::uint64_t number);
    bool has(std::uint64_t session, std::uint64_t number) const { return known_.contains({session, number}); }
    bool empty() const { return known_.empty(); }

private:
    using Key = std::pair<std::uint64_t, std::uint64_t>;
    std::deque<Key> order_;
    std::set<Key> known_;
};

/// One node's reading of one stream.
struct Reading {
    Inbox* inbox = nullptr;
    ReadStream* stream = nullptr;
    std::uint64_t start = 0;             ///< it reads what comes after this sequence
    std::uint64_t since = 0;             ///< this node has handled all after this one: `start`, or less over a restart
    std::uint64_t next = 1;              ///< the next sequence that it wants
    std::atomic<std::uint64_t> done{0};  ///< handled through; written by the thread that handles, read under the lock
    std::uint64_t opened = 0;            ///< its cursor when the broker told of it
    std::uint64_t announced = 0;         ///< acknowledged to the broker by name
    bool bound = true;                   ///< attached on this connection: what it handled may be acknowledged
    bool excepted = true;                ///< the broker counts it by itself (Membership::own)
    std::size_t outstanding = 0;         ///< queued or being handled
    std::uint64_t redelivered = 0;       ///< up to it an earlier reader may have handled
    unsigned careful = 256;              ///< so many redelivered ones are acknowledged one by one
    std::uint64_t gap = 0;               ///< the first that it was told is gone; 0: none
    std::shared_ptr<const Memory> had;   ///< what it got before the broker's restart; may be null
    std::vector<std::shared_ptr<Reading>> before;  ///< what it follows, while not all of that is handled; older, all

    /// Everything that it was handed is handled.
    bool idle() {
        std::erase_if(before, [](const auto& older) { return older->idle(); });
        return outstanding == 0 && before.empty();
    }
};

/// What a node keeps of a stream over a restart of the broker.
struct Legacy {
    std::shared_ptr<Memory> had;
    std::vector<std::shared_ptr<Reading>> last;  ///< more than one when a purge has replaced a mailbox
};

/// A batch in a node's queue.
struct Item {
    std::shared_ptr<const ReceivedBatch> batch;
    std::shared_ptr<Reading> reading;
    std::uint64_t from = 0;  ///< the first sequence of it that is new
};

/// What a node has received and not yet handed over; one queue a priority, highest first.
struct Inbox {
    std::string name;
    std::size_t window = 0;
    std::size_t bytes = 0;  ///< of group and broadcast batches queued or being handled
    std::size_t items = 0;
    std::array<std::deque<Item>, wire::kPriorities> queues;
    std::vector<std::shared_ptr<Reading>> readings;
    std::map<std::string, Legacy> legacies;  ///< from before a restart, by stream key
    std::vector<wire::Position> earlier;     ///< where it stood in an epoch before, until it is attached again
    std::uint64_t epochs_ago = 0;            ///< how many epochs back that was: 1 or 2
    /// taken_over, deleted, closed: nothing more comes. Any thread may look.
    std::atomic<ErrorCode> closed{ErrorCode::ok};
    bool notify = false;          ///< something came since the link last looked
    ReadyQueue* ready = nullptr;  ///< of Queue::shared: where the node lists itself when something has come
    std::weak_ptr<void> reader;   ///< with that: who walks through its messages
    bool listed = false;

    /// Something was put into a queue.
    void came() {
        ++items;
        notify = true;
        if (ready != nullptr) list();
    }
    void list() {
        if (!listed) ready->add(reader);
        listed = true;
    }
    bool pop(Item& item);
    /// Nothing more comes. What was not handed out yet is another reader's, or nobody's, and is let go.
    void end(ErrorCode why);
};

}  // namespace detail
}  // namespace cast
