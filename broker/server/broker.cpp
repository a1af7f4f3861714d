// Options into limits, and the waiting between turns. Main's thread.
#include "server/broker.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "server/descriptors.hpp"
#include "server/free_port.hpp"
#include "server/log.hpp"
#include "server/secret_hash.hpp"

namespace broker {
namespace {

constexpr std::int64_t kLongestPoll = 1000;  // ms

std::int64_t in_us(std::chrono::milliseconds t) { return t.count() * kMs; }

/// What is bad comes from the store; of what clients do, only so much is written.
void write_log(const LogLine& line) {
    if (line.bad)
        log_error(line.text);
    else if (line.own)
        log_info(line.text);
    else
        log_of_client(LogLevel::info, line.text);
}

}  // namespace

Config core_config(const Options& o) {
    Config c;
    c.max_message = o.max_message;
    c.max_connections = o.max_connections;
    c.max_nodes = o.max_nodes;
    c.max_groups = o.max_groups;
    c.max_memberships = o.max_memberships;
    c.mailbox_messages = o.mailbox_messages;
    c.mailbox_bytes = o.mailbox_bytes;
    c.group_messages = o.group_messages;
    c.group_bytes = o.group_bytes;
    c.group_age_us = in_us(o.group_age);
    c.memory_budget = o.memory_budget;
    c.scheduled_messages = o.scheduled_messages;
    c.scheduled_bytes = o.scheduled_bytes;
    c.scheduled_us = in_us(o.scheduled_time);
    c.reject_full = o.when_full == WhenFull::reject;
    c.dead_letter_messages = o.dead_letter_messages;
    c.dead_letter_bytes = o.dead_letter_bytes;
    c.max_redeliveries = static_cast<std::uint32_t>(o.max_redeliveries);
    c.history_messages = o.history_messages;
    c.history_bytes = o.history_bytes;
    c.sender_window = o.memory ? o.sender_window : 2 * o.sender_window;  // a receipt waits for the disk, too
    c.reader_window = o.reader_window;
    c.session_us = in_us(o.session_time);
    c.grace_us = in_us(o.grace_time);
    c.ping_us = in_us(o.ping_interval);
    c.dead_after_us = in_us(o.dead_after);
    c.backpressure_us = in_us(o.backpressure_budget);
    c.hash_secret = hash_secret;
    return c;
}

IntakeLimits intake_limits(const Options& o) {
    constexpr std::uint64_t kFrame = 8u << 20;  // beside the messages: frames, acknowledgements, calls
    IntakeLimits limits;
    limits.of_client =
        std::max<std::uint64_t>(limits.of_client, o.max_message + 2 * core_config(o).sender_window + kFrame);
    // Strangers take a quarter of the descriptors that there are for clients, at most: each has one, a client two.
    if (const std::size_t clients = descriptor_counts().plan.clients; clients != 0)
        limits.strangers = std::clamp<std::size_t>(clients / 2, 1, limits.strangers);
    return limits;
}

Broker::Broker(const Options& options, ZmqEdge& edge, Store& store, const Config& config, const PageLink& page,
               const char* version)
    : options_(options),
      edge_(edge),
      store_(store),
      loop_(config, {edge, store, clock_, page, version, free_port, write_log}) {}

void Broker::run(int wish_fd, Wish (*read_wish)(int fd), bool (*reload)(Options& options)) {
    Now now = clock_.read();
    for (std::int64_t deadline_us = 0; !loop_.stopped();) {
        if (wait(deadline_us - now.mono_us, wish_fd)) heed(read_wish(wish_fd), reload);
        std::uint64_t count = 0;  // before the turn looks at the store: what the store does after that wakes us again
        (void)!read(store_.descriptor(), &count, sizeof count);
        deadline_us = loop_.turn();
        now = clock_.read();
        deadline_us = std::min(deadline_us, maintenance_.after_turn(now, loop_.frames() > 0,
                                                                    loop_.router().state().directory.nodes_removed()));
    }
    log_info("stopped");
}

/// True when there is a wish to be read. What clients say after the BYE is not taken in: it may not wake us either.
bool Broker::wait(std::int64_t timeout_us, int wish_fd) {
    if (loop_.listening()) return edge_.wait(timeout_us, wish_fd, store_.descriptor());
    pollfd fds[] = {{wish_fd, POLLIN, 0}, {store_.descriptor(), POLLIN, 0}};
    (void)poll(fds, 2, static_cast<int>(std::clamp<std::int64_t>(timeout_us / kMs, 0, kLongestPoll)));
    return (fds[0].revents & POLLIN) != 0;
}

void Broker::heed(Wish wish, bool (*reload)(Options& options)) {
    if (wish == Wish::none || loop_.stopping()) return;
    if (wish == Wish::stop) {
        log_info("stopping: draining");
        loop_.stop(in_us(options_.drain_time));
    } else if (reload(options_)) {
        edge_.set_limits(intake_limits(options_));
        loop_.reconfigure(core_config(options_));
    }
}

}  // namespace broker
