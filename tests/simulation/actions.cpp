// What may happen in a step: programs send, attach and go; operators make and delete; things break.
#include <algorithm>

#include "simulation/operator.hpp"
#include "simulation/world.hpp"
#include "wire/names.hpp"

namespace sim {

using cast::detail::OutgoingRecord;
using namespace cast::wire;

void World::begin() {
    operator_.wake();
    for (int i = 0; i < settings_.nodes; ++i)
        if (random_.percent(70)) create("n" + std::to_string(i));
    for (int i = 0; i < settings_.clients; ++i) add_client();
    for (int i = 0; i < settings_.groups; ++i) change_groups();
}

void World::add_client() {
    const int index = static_cast<int>(clients_.size());
    clients_.push_back(
        std::make_unique<Client>(*this, index, random_.next() | 1, now_us_ + random_.between(0, 20) * kMs));
    Client& client = *clients_.back();
    client.attach("s" + std::to_string(index), false, false);
    for (std::int64_t i = random_.between(0, 2); i > 0; --i) client.attach(some_node(), true, false);
    if (random_.one_in(6)) client.listen();
}

Client* World::some_client() {
    std::vector<Client*> alive;
    for (const auto& client : clients_)
        if (client->alive()) alive.push_back(client.get());
    return alive.empty() ? nullptr : random_.pick(alive);
}

std::string World::some_node() {
    return "n" + std::to_string(random_.below(static_cast<std::uint64_t>(settings_.nodes)));
}

std::string World::some_group() {
    if (random_.one_in(20)) return some_node();  // a group may have a node's name
    return "g" + std::to_string(random_.below(static_cast<std::uint64_t>(settings_.groups)));
}

void World::act() {
    const std::uint64_t dice = random_.below(100);
    if (dice < 58)
        send_some();
    else if (dice < 66)
        act_on_nodes();
    else if (dice < 92)
        fault();
    else if (dice < 95)
        operator_.call(some_query(random_, some_node(), some_group()));
}

void World::send_some() {
    Client* client = some_client();
    if (client == nullptr) return add_client();
    const std::string own = some_node();
    std::string sender = client->receives(own) && random_.one_in(2) ? own : "s" + std::to_string(client->index());
    if (random_.one_in(60)) sender = "nobody";
    OutgoingRecord p;
    p.sender = sender;
    const std::uint64_t kind = random_.below(10);
    p.cast = kind < 6 ? Cast::unicast : kind < 9 ? Cast::multicast : Cast::broadcast;
    p.type = "text";
    if (random_.percent(settings_.priorities)) p.priority = static_cast<std::uint8_t>(random_.below(10));
    if (random_.percent(settings_.ttl))
        p.ttl_ms = static_cast<std::uint32_t>(random_.between(1, random_.one_in(2) ? 50 : 3000));
    if (p.cast != Cast::unicast && random_.one_in(6)) p.flags |= kEcho;
    if (p.cast == Cast::unicast && random_.one_in(20)) p.flags |= kAttachedOnly;
    if (random_.percent(settings_.scheduled)) {
        p.flags |= kScheduled;
        const auto wait_us = static_cast<std::uint64_t>(random_.between(1, random_.one_in(3) ? 6000 : 300) * kMs);
        p.due_us = random_.one_in(2) ? wait_us : daemon_.clock().wall_us + wait_us - 100 * kMs;  // some are due already
    }
    const std::int64_t patience[] = {0, 20 * kMs, 500 * kMs, 30 * kSecond, 30 * kSecond};
    p.deadline_us = now_us_ + patience[random_.below(5)];
    const std::int64_t count = random_.one_in(8) ? random_.between(10, 60) : random_.between(1, 5);
    std::vector<std::string> targets;
    if (p.cast == Cast::unicast && random_.one_in(20)) targets.push_back(some_client()->reply_name());
    for (std::int64_t i = random_.one_in(6) ? 3 : 1; i > 0; --i)
        targets.push_back(p.cast == Cast::unicast     ? (random_.one_in(40) ? "missing" : some_node())
                          : p.cast == Cast::multicast ? some_group()
                                                      : "");
    for (std::int64_t i = 0; i < count; ++i) {
        std::size_t size =
            static_cast<std::size_t>(random_.one_in(12) ? random_.between(200, 3000) : random_.between(5, 60));
        if (random_.percent(settings_.big))
            size = static_cast<std::size_t>(random_.between(8000, random_.one_in(10) ? 70000 : 14000));
        OutgoingRecord one = p;
        one.token = random_.one_in(10) ? 1 : 0;
        if (one.token != 0 && p.cast == Cast::unicast && random_.one_in(2)) one.flags |= kWantsDelivered;
        for (const std::string& target : targets) {
            one.target = target;
            if (reserved_name(target)) {  // those do not wait
                one.flags = static_cast<std::uint8_t>(one.flags & ~kScheduled);
                one.due_us = 0;
            }
            client->send(one, size);
        }
    }
    if (random_.one_in(8)) client->push();
    if (random_.one_in(20)) client->forget();
}

void World::act_on_nodes() {
    Client* client = some_client();
    if (client == nullptr) return add_client();
    if (random_.one_in(12)) return add_client();
    if (random_.one_in(20)) return client->listen();
    const std::string name = some_node();
    const auto known = client->session()->find(name);
    if (known == nullptr)
        client->attach(name, true, false);
    else if (known->state == cast::detail::Attachment::State::failed || random_.one_in(3))
        client->detach(name);
    if (random_.one_in(6)) client->attach(name, true, false);  // perhaps before the answer to its DETACH
}

void World::fault() {
    const int weights[] = {settings_.cuts,         settings_.deaths,    settings_.byes,       settings_.crashes,
                           settings_.takeovers,    settings_.deletions, settings_.membership, settings_.stalls,
                           settings_.store_faults, settings_.stalled,   settings_.hostile,    settings_.jumps,
                           settings_.restarts,     settings_.letters,   settings_.floods,     4};
    int total = 0;
    for (const int weight : weights) total += weight;
    int dice = static_cast<int>(random_.below(static_cast<std::uint64_t>(total)));
    int kind = 0;
    while (dice >= weights[kind]) dice -= weights[kind++];
    Client* client = some_client();
    switch (kind) {
        case 0:
            if (random_.one_in(6)) return operator_.cut();
            return client != nullptr ? client->cut(static_cast<int>(random_.below(3))) : void();
        case 1:
        case 2: return lose_client();
        case 3:
            if (!daemon_.up()) return;
            trace("the broker crashes");
            daemon_.crash();
            return daemon_.restart_at(now_us_ + random_.between(0, 3000) * kMs);
        case 4: return client != nullptr ? client->attach(some_node(), true, true) : void();
        case 5: return change_nodes();
        case 6: return change_groups();
        case 7:
            if (random_.one_in(2)) return daemon_.stall(now_us_ + random_.between(50, 9000) * kMs);
            return client != nullptr ? client->stall(now_us_ + random_.between(50, 9000) * kMs) : void();
        case 8:
            daemon_.store_sick(true);
            store_well_us_ = now_us_ + random_.between(1, 800) * kMs;
            return;
        case 9: return client != nullptr ? client->set_stalled(true) : void();
        case 10: return hostile();
        case 11: wall_offset_us_ += random_.between(-36000, 36000) * kSecond; return;
        case 12:
            if (!daemon_.up()) return;
            trace("the broker is told to stop");
            return daemon_.stop(random_.between(0, 1000) * kMs, random_.between(0, 3000) * kMs);
        case 13: return change_letters();
        case 14: return flood();
        default: return browse_or_purge();
    }
}

/// Somebody throws away what is in a mailbox, or what a group keeps.
void World::browse_or_purge() {
    const std::uint64_t dice = random_.below(6);
    const std::string node = some_node(), group = some_group();
    if (dice < 3) return operator_.call(some_query(random_, node, group));
    if (dice == 3 && group[0] == 'g') operator_.call(R"({"op":"purge","group":")" + group + R"("})");
    if (dice > 3) operator_.call(R"({"op":"purge","node":")" + node + R"("})");
}

/// Somebody puts a dead letter back into its mailbox, or throws it away.
void World::change_letters() {
    if (!daemon_.up()) return;
    broker::DeadLetters& dead = daemon_.router()->dead();
    auto letter = dead.before(~std::uint64_t{0});
    for (std::uint64_t back = random_.below(4); back > 0 && letter; --back)
        if (const auto older = dead.before(letter->id)) letter = older;
    const std::string seq = std::to_string(letter ? letter->id : random_.below(9));
    operator_.call(random_.one_in(4) ? R"({"op":"dead.purge","seq":)" + seq + "}"
                                     : R"({"op":"dead.requeue","seq":)" + seq + "}");
}

void World::lose_client() {
    Client* client = some_client();
    if (client == nullptr) return;
    oracle_.unknown(client->index());
    const auto byes = static_cast<std::uint64_t>(settings_.byes);
    if (random_.below(byes + static_cast<std::uint64_t>(settings_.deaths)) < byes)
        client->bye();
    else
        client->vanish();
    if (random_.percent(80)) add_client();
}

void World::create(const std::string& node) {
    const std::string port = random_.one_in(5) ? R"(,"pick_port":true})" : "}";
    operator_.call(R"({"op":"node.create","name":")" + node + '"' + port);
}

void World::change_nodes() {
    const std::string name = some_node();
    const bool remove = random_.one_in(2);
    if (remove) operator_.call(R"({"op":"node.delete","name":")" + name + R"("})");
    if (!remove || random_.one_in(2)) create(name);
}

/// Somebody fills mailboxes, perhaps at several priorities, with what ends at one moment.
void World::flood() {
    Client* client = some_client();
    if (client == nullptr) return add_client();
    OutgoingRecord p;
    p.cast = Cast::unicast;
    const std::string sender = "s" + std::to_string(client->index());
    p.sender = sender;
    p.type = "text";
    p.deadline_us = now_us_ + 30 * kSecond;
    const std::string target = some_node();
    p.target = target;
    const std::int64_t until_us = random_.between(1, 3000) * kMs;
    if (random_.one_in(2)) p.ttl_ms = static_cast<std::uint32_t>(until_us / kMs);
    const bool scheduled = random_.one_in(4), spread = random_.one_in(3);
    if (scheduled) {
        p.flags |= kScheduled;
        p.due_us = static_cast<std::uint64_t>(until_us);
    }
    for (std::int64_t i = random_.between(30, 150); i > 0; --i) {
        if (spread) p.priority = static_cast<std::uint8_t>(random_.below(3));
        p.token = random_.one_in(20) ? 1 : 0;
        client->send(p, static_cast<std::size_t>(random_.between(5, 300)));
        if (random_.one_in(10)) client->push();
    }
}

void World::change_groups() {
    const std::string group = some_group();
    if (random_.one_in(12)) return operator_.call(R"({"op":"group.delete","name":")" + group + R"("})");
    std::string nodes = '"' + some_node() + '"';
    if (random_.one_in(4)) nodes += ",\"" + some_node() + '"';
    const char* op = random_.one_in(4) ? "group.leave" : "group.join";
    operator_.call(R"({"op":")" + std::string(op) + R"(","group":")" + group + R"(","nodes":[)" + nodes + "]}");
}

}  // namespace sim
