// Operator: a program that manages: it makes and deletes nodes and groups, purges, puts dead letters back, and looks
// on. Real CONTROL frames on a connection of its own, which breaks at times. Each call has exactly one answer, or its
// connection is lost.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "simulation/network.hpp"

namespace sim {

class World;

class Operator {
public:
    Operator(World& world, std::uint64_t session) : world_(world), session_(session) {}

    std::int64_t due() const;
    void wake();
    /// Asks for it, unless there is no connection.
    void call(const std::string& json);
    void cut();
    /// Why it is not at rest; empty when it is.
    std::string unrest() const;
    std::uint64_t answers() const { return answers_; }

private:
    void connect();
    void lose();
    void take_frame(const std::string& bytes);

    World& world_;
    const std::uint64_t session_;
    std::shared_ptr<Wire> wire_;
    std::uint32_t attempt_ = 0, request_ = 0;
    std::int64_t reconnect_us_ = 0;
    std::map<std::uint32_t, std::string> asked_;  // and not answered
    std::uint64_t answers_ = 0;
};

/// A call that changes nothing, as JSON; some make no sense.
std::string some_query(Random& random, const std::string& node, const std::string& group);
/// Whether a call of this text changes nothing.
bool only_reads(std::string_view json);

}  // namespace sim
