// Virtual time: whoever is due next acts.
#include "simulation/world.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "wire/messages.hpp"

namespace sim {

World::World(std::uint64_t seed, bool verbose)
    : random_(seed),
      settings_(draw_settings(random_)),
      verbose_(verbose),
      network_(settings_, random_),
      daemon_(*this, random_),
      operator_(*this, 0x0707070707070707u) {}

void World::trace(const char* format, ...) {
    if (!verbose_) return;
    std::printf("%5d %12.6f  ", step_, static_cast<double>(now_us_) / 1e6);
    va_list arguments;
    va_start(arguments, format);
    std::vprintf(format, arguments);
    va_end(arguments);
    std::printf("\n");
}

void World::trace_frame(bool up, broker::ConnectionId wire, std::string_view bytes) {
    if (!verbose_) return;
    cast::wire::Frame frame;
    if (cast::wire::read_frame(bytes, frame) != cast::ErrorCode::ok)
        return trace("wire %llu %s garbage", ull(wire), up ? ">" : "<");
    static const std::map<int, const char*> names = {
        {1, "HELLO"},       {2, "ATTACH"},         {3, "DETACH"},   {4, "CAST"}, {5, "ACK"},      {6, "FETCH"},
        {8, "CONTROL"},     {9, "PING"},           {10, "PONG"},    {11, "BYE"}, {32, "WELCOME"}, {33, "ATTACHED"},
        {34, "DETACHED"},   {35, "RECEIPT"},       {36, "DELIVER"}, {37, "GAP"}, {38, "FETCHED"}, {39, "TAIL"},
        {40, "MEMBERSHIP"}, {41, "CONTROL_REPLY"}, {42, "ERROR"}};
    const auto name = names.find(static_cast<int>(frame.verb));
    std::string more;
    if (frame.verb == cast::wire::Verb::cast || frame.verb == cast::wire::Verb::deliver)
        cast::wire::for_each_batch(frame.body, [&](const cast::wire::BatchView& b) {
            more += text(" [%s>%s #%llu.%llu stream %llu seq %llu+%u flags %d]", std::string(b.header.sender).c_str(),
                         std::string(b.header.target).c_str(), ull((b.header.session % 1000)), ull(b.header.number),
                         ull(b.header.stream), ull(b.header.sequence), b.header.count, b.header.flags);
            cast::wire::Reader in(b.records);
            more.pop_back();
            more += " messages";
            while (const auto record = in.left() > 0 ? cast::wire::read_record(in) : std::nullopt)
                more += text(" %u", number_of(record->payload));
            more += "]";
        });
    cast::wire::Ack ack;
    if (frame.verb == cast::wire::Verb::ack && decode(frame.body, ack, frame.version))
        for (const auto& e : ack.entries) {
            more += text(" %llu:%llu", ull(e.stream), ull(e.sequence));
            for (const auto& x : e.exceptions) more += text("(%s:%llu)", std::string(x.node).c_str(), ull(x.sequence));
        }
    cast::wire::Attached attached;
    if (frame.verb == cast::wire::Verb::attached && decode(frame.body, attached, frame.version))
        for (const auto& n : attached.nodes) {
            more += text(" %s:%s", std::string(n.name).c_str(), cast::error_name(n.code));
            for (const auto& s : n.streams)
                more += text("(%llu kind %d %llu..%llu high %llu)", ull(s.stream), s.kind, ull(s.cursor), ull(s.last),
                             ull(s.delivered));
        }
    cast::wire::Receipt receipt;
    if (frame.verb == cast::wire::Verb::receipt && decode(frame.body, receipt)) {
        more += text(" through %llu", ull(receipt.through));
        for (const auto& o : receipt.refused) more += text(" -%llu:%s", ull(o.number), cast::error_name(o.code));
        for (const auto& o : receipt.delivered) more += text(" +%llu:%s", ull(o.number), cast::error_name(o.code));
    }
    cast::wire::Gap gap;
    if (frame.verb == cast::wire::Verb::gap && decode(frame.body, gap))
        more += text(" %llu: %llu..%llu reason %d", ull(gap.stream), ull(gap.from), ull(gap.to),
                     static_cast<int>(gap.reason));
    cast::wire::ErrorReply error;
    if (frame.verb == cast::wire::Verb::error && decode(frame.body, error, frame.version))
        more += std::string(" ") + cast::error_name(error.code);
    trace("wire %llu %s %s%s%s", ull(wire), up ? ">" : "<", name == names.end() ? "?" : name->second,
          (frame.flags & cast::wire::kHasAux) != 0 ? text(" aux %u", frame.aux).c_str() : "", more.c_str());
}

void World::publish(std::uint64_t stream, std::string_view bytes) {
    trace("PUB stream %llu, %zu bytes", ull(stream), bytes.size());
    for (const auto& client : clients_) client->published(stream, bytes);
}

void World::advance(std::int64_t by_us) {
    const std::int64_t end = now_us_ + by_us;
    int same = 0;
    for (;;) {
        std::int64_t due = std::min(daemon_.due(), operator_.due());
        const bool manages = operator_.due() < daemon_.due();
        Client* next = nullptr;
        for (const auto& client : clients_) {
            const std::int64_t at = client->due();
            if (at >= due) continue;
            due = at;
            next = client.get();
        }
        if (store_well_us_ <= now_us_) {
            daemon_.store_sick(false);
            store_well_us_ = kNever;
        }
        if (due > end) break;
        same = due > now_us_ ? 0 : same + 1;
        require(same < 2000, "time stands still: somebody is always due");
        now_us_ = std::max(now_us_, due);
        if (next != nullptr)
            next->wake();
        else if (manages)
            operator_.wake();
        else
            daemon_.turn();
    }
    now_us_ = end;
}

std::int64_t World::some_time() {
    const std::uint64_t dice = random_.below(1000);
    if (dice < 600) return random_.between(0, 2 * kMs);
    if (dice < 900) return random_.between(2 * kMs, 40 * kMs);
    if (dice < 985) return random_.between(40 * kMs, 500 * kMs);
    return random_.between(1, 6) * kSecond;
}

void World::run(int steps) {
    daemon_.start();
    begin();
    for (step_ = 1; step_ <= steps; ++step_) {
        act();
        advance(some_time());
        if (step_ % 4 == 0 && daemon_.up()) check_state(*daemon_.router());
    }
    quiesce();
}

}  // namespace sim
