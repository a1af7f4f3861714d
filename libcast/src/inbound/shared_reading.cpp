// Connection::receive_some; see shared_reading.hpp. Nodes are taken a few at a time: their next batches with the lock
// held, then their messages are given out without it.
#include "src/inbound/shared_reading.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/session/session_time.hpp"

namespace cast::detail {
namespace {

constexpr std::size_t kNodesATime = 64;

/// A few nodes whose messages are given out. This thread has their turns.
class Handful {
public:
    explicit Handful(Link& link) : link_(link) {}
    ~Handful() { give_back(); }
    Handful(const Handful&) = delete;
    Handful& operator=(const Handful&) = delete;

    /// Takes up to `most` nodes out of the queue. How many it took, with those that have nothing after all.
    std::size_t take(std::size_t most, Lock& lock) {
        ReadyQueue& ready = link_.queue(lock).ready();
        std::size_t taken = 0;
        for (; taken < std::min(most, kNodesATime) && !ready.empty(); ++taken) {
            auto node = std::static_pointer_cast<Node::State>(ready.next());
            if (node == nullptr) continue;
            node->attachment->inbox.listed = false;
            if (node->closing || !node->turn.take()) {  // an ack() of another thread is at it just now, say
                if (!node->closing) node->attachment->inbox.list();
                gone_.push_back(std::move(node));
                continue;
            }
            nodes_.push_back(std::move(node));
            nodes_.back()->reader->take_ready(lock);
        }
        return taken;
    }

    std::size_t give_out(const std::function<void(std::string_view, const Message&)>& handle) {
        std::size_t count = 0;
        Message message;
        for (const auto& node : nodes_) {
            Reader& reader = *node->reader;
            while (!node->closing && !reader.ended() && reader.next_here(message)) {
                try {
                    handle(node->name, message);
                } catch (...) {
                    reader.put_back();
                    throw;  // the program's own
                }
                ++count;
                reader.handled_carefully();
            }
        }
        return count;
    }

    /// What was given out is handled. Nodes with more have another turn, behind the others.
    void give_back() {
        if (nodes_.empty()) return gone_.clear();
        Lock lock = link_.lock();
        for (const auto& node : nodes_)
            if (node->reader->finish_ready(lock)) node->attachment->inbox.list();
        link_.session(lock).inbound().tick(now_us(), false, link_.outbox(lock));
        link_.carry_out(lock);
        lock.unlock();
        for (const auto& node : nodes_) {
            node->turn.give_back();
            node->heed();
        }
        nodes_.clear();  // without the lock: it may be the last share of a node
        gone_.clear();
    }

private:
    Link& link_;
    std::vector<std::shared_ptr<Node::State>> nodes_, gone_;
};

/// Somebody's turn, given back at the end of a scope.
struct TurnHolder {
    Turn& turn;
    explicit TurnHolder(Turn& t) : turn(t) {}
    ~TurnHolder() { turn.give_back(); }
    TurnHolder(const TurnHolder&) = delete;
    TurnHolder& operator=(const TurnHolder&) = delete;
};

}  // namespace

void share(Link& link, const std::shared_ptr<Node::State>& node, Lock& lock) {
    Inbox& inbox = node->attachment->inbox;
    inbox.reader = node;
    inbox.ready = &link.queue(lock).ready();
    if (inbox.items > 0) inbox.list();
}

Result<std::size_t> receive_some(Link& link, const std::function<void(std::string_view, const Message&)>& handle,
                                 std::int64_t until_us) {
    if (!link.receiving().take()) {
        const char* who = link.receiving().ours() ? "called within a callback of receive_some of this connection"
                                                  : "another thread receives on this connection just now";
        return Error{ErrorCode::invalid_argument, who};
    }
    const TurnHolder held(link.receiving());
    std::size_t count = 0;
    do {
        Lock lock = link.lock();
        ReadyQueue& ready = link.queue(lock).ready();
        if (ready.empty() && until_us == 0)
            link.check(lock);
        else
            link.wait(lock, until_us, [&] { return !ready.empty(); });
        if (link.stopping()) return link.closed();
        if (ready.empty()) return ErrorCode::timed_out;
        std::size_t turns = ready.size();
        while (turns > 0) {
            Handful handful(link);
            if (!lock.owns_lock()) lock.lock();
            const std::size_t taken = handful.take(turns, lock);
            lock.unlock();
            turns -= taken;
            count += handful.give_out(handle);
            if (taken == 0 || link.stopping()) break;
        }
        lock = link.lock();
        link.queue(lock).show();
    } while (count == 0 && now_us() < until_us);  // else those that were listed had nothing
    if (count == 0) return ErrorCode::timed_out;
    return count;
}

}  // namespace cast::detail
