// cast/admin.hpp: managing the broker's nodes and groups, and looking at it. Thread-safe; every call waits
// for the broker's answer, at most `timeout` (set_timeout, default 5 s). Calls are idempotent: after a cut
// connection they are sent again. After Connection::close() they fail with `closed`.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cast/connection.hpp"
#include "cast/export.hpp"
#include "cast/options.hpp"
#include "cast/result.hpp"

namespace cast {

struct NodeInfo {
    std::string name;
    bool created = false;   ///< made by create: stays until deleted; else vanishes with its session
    bool attached = false;  ///< a session receives as it
    int port = 0;           ///< the TCP port stored for it, 0 when none
    std::vector<std::string> groups;
    std::uint64_t queued = 0;  ///< messages in its mailbox that it has not acknowledged
    std::uint64_t queued_bytes = 0;
    std::uint64_t received = 0;      ///< messages sent to it by unicast since it exists
    std::uint64_t acknowledged = 0;  ///< of those, acknowledged
    std::uint64_t sent = 0;          ///< messages it has sent, by any cast
    std::string agent;               ///< of the session that receives as it
    std::string host;                ///< where that runs, as it says; empty: not known
};

struct GroupInfo {
    std::string name;
    bool created = false;  ///< made by create: stays until deleted; else vanishes with its last member
    std::vector<std::string> members;
    std::uint64_t messages = 0;  ///< multicast to it since it exists
    std::uint64_t bytes = 0;
    std::uint64_t retained = 0;  ///< held in its stream now
};

/// A batch that waits for its time at the broker.
struct ScheduledInfo {
    std::uint64_t id = 0;  ///< for cancel_scheduled
    std::chrono::system_clock::time_point due;
    std::string cast;  ///< "unicast", "multicast" or "broadcast"
    std::string sender;
    std::string target;  ///< a node, a group, or empty
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
};

/// A change of presence: kind is "created", "deleted", "online", "offline", "joined", "left" or "changed" (its port).
struct Event {
    std::string kind;
    std::string node;
    std::string group;  ///< joined and left; created and deleted of a group
    std::chrono::system_clock::time_point time;
    std::string json;  ///< the whole event as the broker sent it
};

class CAST_API Admin {
public:
    static Result<Admin> open(Options options = {});
    explicit Admin(Connection connection);
    void set_timeout(std::chrono::milliseconds timeout);

    // --- Nodes. Creating one that was created already with the same settings is fine; with another port
    //     it is already_exists. Names made by attaching become created ones. ------------------------------

    /// Port 0: none is stored... unless pick_port, then the broker picks a free one. Answers the node.
    Result<NodeInfo> create_node(std::string_view name, int port = 0, bool pick_port = false);
    Result<void> delete_node(std::string_view name);  ///< with its mailbox; errors: no_such_node
    Result<NodeInfo> node(std::string_view name);
    /// All of them, by name; asked for page by page, so what comes or goes meanwhile may be missing or there.
    Result<std::vector<NodeInfo>> nodes();

    Result<GroupInfo> create_group(std::string_view name);
    Result<void> delete_group(std::string_view name);
    Result<GroupInfo> group(std::string_view name);
    Result<std::vector<GroupInfo>> groups();  ///< as nodes()
    /// Makes nodes members, as if each had called Node::join. Errors: no_such_node, and then none of these nodes joined
    /// (of more than 1,000, those before the thousand that it is in have). The group is created.
    Result<void> join(std::string_view group, const std::vector<std::string>& nodes);
    Result<void> leave(std::string_view group, const std::vector<std::string>& nodes);

    /// What was sent with a delay or for a time, and waits for it; the next one first, at most `count` (0: 1,000).
    Result<std::vector<ScheduledInfo>> scheduled(std::size_t count = 0);
    /// Throws those away. Answers which of them were still there.
    Result<std::vector<std::uint64_t>> cancel_scheduled(const std::vector<std::uint64_t>& ids);

    /// The broker's statistics, one JSON object; its members are listed in PROTOCOL.md, "Statistics".
    Result<std::string> stats();
    /// Whether the broker is well, one JSON object: {"status":"ok"|"degraded",...}; PROTOCOL.md, "Status".
    Result<std::string> status();

    /// A management call as JSON, and its answer: for what has no function here. PROTOCOL.md, section 6.
    Result<std::string> call(std::string_view request);

    /// The next presence event from now on (the first call subscribes), waiting at most `timeout`. Errors: timed_out,
    /// when there was none; unreachable, when the broker does not answer the subscription.
    Result<Event> next_event(std::chrono::milliseconds timeout);

    struct State;  ///< libcast's own

private:
    std::shared_ptr<State> state_;
};

}  // namespace cast
