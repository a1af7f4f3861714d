// World: one simulated run: the broker, the clients, the network and the oracle in virtual time, driven by one seed.
// step() does something at random and lets time pass; quiesce() ends all faults and sees everything settle.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "simulation/client.hpp"
#include "simulation/daemon.hpp"
#include "simulation/network.hpp"
#include "simulation/operator.hpp"
#include "simulation/oracle.hpp"
#include "simulation/settings.hpp"

namespace sim {

class World {
public:
    World(std::uint64_t seed, bool verbose);

    void run(int steps);
    void describe();
    int at_step() const { return step_; }
    std::uint64_t digest() const { return daemon_.edge().digest() ^ static_cast<std::uint64_t>(now_us_); }

    std::int64_t now() const { return now_us_; }
    std::int64_t wall_offset() const { return wall_offset_us_; }
    bool healed() const { return healed_; }
    const Settings& settings() const { return settings_; }
    Random& random() { return random_; }
    Oracle& oracle() { return oracle_; }
    Daemon& daemon() { return daemon_; }
    Network& network() { return network_; }

    void publish(std::uint64_t stream, std::string_view bytes);
    void trace(const char* format, ...) __attribute__((format(printf, 2, 3)));
    void trace_frame(bool up, broker::ConnectionId wire, std::string_view bytes);

private:
    // --- Time. ---------------------------------------------------------------------------------------------
    void advance(std::int64_t by_us);
    std::int64_t some_time();

    // --- What may happen in a step (actions.cpp). ----------------------------------------------------------
    void begin();
    void act();
    void act_on_nodes();
    void send_some();
    void fault();
    void change_nodes();
    void change_groups();
    void browse_or_purge();
    void create(const std::string& node);
    void change_letters();
    void flood();
    void lose_client();
    void add_client();
    void hostile();
    std::uint64_t some_session();
    Client* some_client();
    std::string some_node();
    std::string some_group();

    // --- The end (quiesce.cpp). ----------------------------------------------------------------------------
    void quiesce();
    void pass_time();
    void send_last();
    void read_everything();
    std::string unrest();
    std::string broker_unrest();
    void check_quiet();

    Random random_;
    Settings settings_;
    bool verbose_;
    Oracle oracle_;
    Network network_;
    Daemon daemon_;
    Operator operator_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::shared_ptr<Wire> stranger_;
    std::int64_t now_us_ = 0;
    std::int64_t wall_offset_us_ = 0;
    std::int64_t store_well_us_ = kNever;
    std::uint64_t sessions_ = 0;
    int step_ = 0;
    bool healed_ = false;
};

/// The broker's own accounts must agree (checks.cpp).
void check_state(broker::Router& router);

}  // namespace sim
