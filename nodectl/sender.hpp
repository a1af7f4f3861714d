// Sends for one node and keeps the books: what was handed over, what was refused and why, what to report and
// with which exit code. Main thread; refusals arrive on libcast's.
#pragma once
#include <cast/node.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nodectl/input/times.hpp"

namespace nodectl {

struct Context;

inline constexpr Milliseconds kDefaultSendTimeout{30000};

/// Where messages go, and what they carry beside the payload.
struct Envelope {
    std::vector<std::string> nodes;  ///< one of these three
    std::string group;
    bool broadcast = false;

    std::string type = "text";
    std::vector<std::pair<std::string, std::string>> headers;
    std::optional<int> priority;
    std::optional<Milliseconds> ttl;
    std::optional<Milliseconds> delay;  ///< one of these two, or none
    std::optional<Timestamp> at;
    std::string id;
    bool echo = false;

    bool addressed() const { return !nodes.empty() || !group.empty() || broadcast; }
    /// Nothing but a payload and its target: the fast way.
    bool plain() const;
    cast::Message message(std::string_view payload) const;
    /// "bob", "bob and 2 others", "group team", "everybody".
    std::string target_text() const;
};

class Sender {
public:
    Sender(const Context& context, cast::Wait wait);

    /// Connects; 0 or an exit code. Refusals of the broker are told on stderr as they come.
    int open(const std::string& from);
    /// Hands a message over. False when sending cannot go on: code() then.
    bool send(const Envelope& envelope, std::string_view payload);
    bool send(const Envelope& envelope, const cast::Message& message);
    /// Waits for the receipts, reports what was refused, and returns the exit code: `code` unless that is 0 and
    /// something failed here.
    int finish(int code = 0);

    /// The largest payload; what the protocol allows at most while the broker has not said.
    std::size_t max_message() const;
    std::uint64_t sent() const { return sent_; }
    cast::Node& node() { return *node_; }
    cast::Wait wait() const { return wait_; }
    Milliseconds timeout() const { return timeout_; }
    int code() const { return code_; }

private:
    struct Refusals {
        std::mutex mutex;
        std::map<std::pair<std::string, cast::ErrorCode>, std::uint64_t> counts;
        std::optional<cast::ErrorCode> first;
        void add(const cast::Refusal& refusal);
    };
    bool deliver(const Envelope& envelope, const cast::Message& message);
    bool handed(const Envelope& envelope, const cast::Result<void>& result, std::uint64_t messages);
    int report(int code);

    const Context& context_;
    cast::Wait wait_;
    Milliseconds timeout_;
    std::shared_ptr<Refusals> refusals_ = std::make_shared<Refusals>();
    std::optional<cast::Node> node_;
    std::uint64_t sent_ = 0;
    bool timed_ = false;  // something was to wait for its time
    int code_ = 0;
};

}  // namespace nodectl
