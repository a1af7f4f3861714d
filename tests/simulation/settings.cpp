// Drawing a run's settings. Half of the seeds have generous limits, so that nothing but the faults disturbs them.
#include "simulation/settings.hpp"

namespace sim {
namespace {

void draw_limits(broker::Config& c, Random& r) {
    if (r.percent(40)) c.mailbox_messages = static_cast<std::size_t>(r.between(3, 60));
    if (r.percent(20)) c.mailbox_bytes = static_cast<std::size_t>(r.between(500, 20000));
    if (r.percent(30)) c.group_messages = static_cast<std::size_t>(r.between(2, 80));
    if (r.percent(20)) c.group_bytes = static_cast<std::size_t>(r.between(500, 30000));
    if (r.percent(25)) c.group_age_us = r.between(1, 8) * kSecond;
    if (r.percent(15)) c.memory_budget = static_cast<std::size_t>(r.between(4000, 60000));
    if (r.percent(40)) c.reader_window = static_cast<std::size_t>(r.between(200, 20000));
    if (r.percent(30)) {
        c.lag_batches = static_cast<std::size_t>(r.between(2, 20));
        c.lag_bytes = static_cast<std::size_t>(r.between(1000, 50000));
    }
    if (r.percent(10)) c.max_sessions = static_cast<std::size_t>(r.between(2, 6));
    if (r.percent(5)) c.max_nodes = static_cast<std::size_t>(r.between(3, 8));
}

void draw_times(broker::Config& c, Random& r) {
    c.session_us = r.percent(30) ? r.between(2, 6) * kSecond : 30 * kSecond;
    c.grace_us = r.percent(50) ? r.between(200, 2000) * kMs : 5 * kSecond;
    c.ping_us = r.between(300, 2000) * kMs;
    c.dead_after_us = c.ping_us + r.between(1500, 4000) * kMs;
    c.backpressure_us = r.between(200, 5000) * kMs;
}

}  // namespace

Settings draw_settings(Random& r) {
    Settings s;
    s.config.history_messages = 0;
    if (r.percent(60)) draw_limits(s.config, r);
    draw_times(s.config, r);
    s.clients = static_cast<int>(r.between(2, 4));
    s.nodes = static_cast<int>(r.between(1, 4));
    s.groups = static_cast<int>(r.between(1, 2));
    s.latency_us = r.percent(20) ? r.between(2000, 30000) : r.between(50, 1000);
    s.jitter_us = r.between(0, s.latency_us);
    auto sometimes = [&r](int likely, int from, int to) {
        return r.percent(likely) ? static_cast<int>(r.between(from, to)) : 0;
    };
    s.drop_publish = sometimes(60, 1, 30);
    s.cuts = sometimes(60, 1, 12);
    s.deaths = sometimes(40, 1, 4);
    s.byes = sometimes(30, 1, 4);
    s.crashes = sometimes(20, 1, 2);
    s.takeovers = sometimes(40, 1, 4);
    s.deletions = sometimes(30, 1, 4);
    s.membership = sometimes(60, 1, 8);
    s.slow_readers = sometimes(60, 10, 80);
    s.store_faults = sometimes(20, 1, 3);
    s.stalls = sometimes(20, 1, 3);
    s.stalled = sometimes(30, 1, 4);
    s.hostile = sometimes(30, 1, 6);
    s.jumps = sometimes(30, 1, 3);
    s.ttl = sometimes(30, 5, 40);
    s.big = sometimes(20, 1, 20);
    s.priorities = sometimes(30, 10, 50);
    s.slow_commits = r.percent(30);
    s.config.durable = r.percent(50);
    if (s.config.durable && r.percent(60)) s.crashes = static_cast<int>(r.between(1, 6));
    s.scheduled = sometimes(50, 3, 30);
    if (r.percent(25)) s.config.scheduled_messages = static_cast<std::size_t>(r.between(3, 40));
    if (r.percent(15)) s.config.scheduled_bytes = static_cast<std::size_t>(r.between(500, 20000));
    if (r.percent(15)) s.config.scheduled_us = r.between(1, 4) * kSecond;
    s.config.reject_full = r.percent(25);
    if (r.percent(40)) s.config.max_redeliveries = static_cast<std::uint32_t>(r.between(1, 2));
    s.restarts = sometimes(30, 1, 3);
    s.letters = sometimes(40, 1, 5);
    // Long work is interrupted: by what others do, by crashes, by ends in order.
    if (r.percent(60)) s.config.turn_steps = static_cast<std::size_t>(r.between(1, r.percent(50) ? 4 : 30));
    if (r.percent(15)) s.config.dead_letter_messages = static_cast<std::size_t>(r.between(1, 60));
    s.floods = sometimes(40, 1, 6);
    s.far_behind = static_cast<std::uint64_t>(sometimes(20, 1, 5));
    s.config.few_nodes = s.config.ping_us % 2 == 0 ? 0 : 8;  // no draw: seeds keep their stories
    return s;
}

}  // namespace sim
