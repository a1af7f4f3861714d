// Client: the gateway's way to the broker, over libcast like anybody's. Its calls block (a round trip, or until a
// deadline), so they belong on worker threads; any number of threads may make them. Connections open when first used.
#pragma once
#include <cast/admin.hpp>
#include <cast/connection.hpp>
#include <cast/node.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace gateway {

/// As whoever asks over HTTP is told it: our connections are only closed when the broker ends.
cast::Error explained(const cast::Error& error);

class Client {
public:
    explicit Client(std::string broker) : broker_(std::move(broker)) {}

    /// A management call; throws a Failure when the broker refuses or does not answer.
    nlohmann::json call(const nlohmann::json& request);
    /// A connection of its own for a thread that watches; throws a Failure.
    cast::Connection watcher();

    /// Attaches a node to send as; all of them share a connection, and one name is for one node. Throws a Failure.
    std::shared_ptr<cast::Node> sender(const std::string& name);

    /// Receives as this node, which acknowledges by Node::ack() only. Throws a Failure (name_in_use, unreachable...).
    cast::Node attach(const std::string& name, bool take_over);

    std::size_t max_message();

    /// Called, on any thread, with what libcast has to tell of nodes that receive (gaps).
    std::function<void(const cast::Notice&)> on_notice;
    /// Ends all connections: who waits is told `closed`.
    void close();

private:
    cast::Options options(const char* agent) const;
    cast::Connection& open(std::optional<cast::Connection>& slot, const cast::Options& options);

    const std::string broker_;
    std::mutex mutex_;  // of what is below; held over a round trip only while something opens
    std::optional<cast::Connection> control_, sending_, receiving_, taking_over_;
    bool closed_ = false;
    std::optional<cast::Admin> admin_;
};

}  // namespace gateway
