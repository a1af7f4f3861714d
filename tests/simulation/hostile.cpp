// A stranger with a connection of its own who sends well-formed, wrong and broken frames. The broker may answer or
// ignore it; nobody else may notice. It knows the ids of all sessions, and comes as one of those that have a secret.
// It keeps to nodes called evil..., because whoever takes a node over openly is no stranger.
#include "simulation/world.hpp"
#include "wire/messages.hpp"
#include "wire/record.hpp"

namespace sim {

using namespace cast::wire;

namespace {

std::string some_cast(Random& random, std::uint64_t session, const std::string& target) {
    std::string out;
    begin_frame(out, Verb::cast);
    for (std::int64_t batches = random.between(1, 3); batches > 0; --batches) {
        const std::size_t at = out.size();
        BatchHeader h;
        h.cast = static_cast<Cast>(random.between(1, 3));
        h.session = random.one_in(8) ? random.next() : session;
        h.priority = static_cast<std::uint8_t>(random.below(10));
        h.target = h.cast == Cast::broadcast ? std::string_view() : std::string_view(target);
        h.sender = random.one_in(4) ? "s0" : "evil0";
        begin_batch(out, h);
        const auto records = static_cast<std::uint32_t>(random.between(1, 4));
        for (std::uint32_t i = 0; i < records; ++i) append_record(out, "text", {}, "x of a stranger");
        const auto lie = random.one_in(4) ? random.below(9) : 0;
        seal_batch(out, at, random.below(6), records + static_cast<std::uint32_t>(lie),
                   static_cast<std::uint8_t>(random.below(32)));
    }
    return out;
}

std::string some_frame(Random& random, std::uint64_t session, const std::string& target, std::uint64_t stream) {
    switch (random.below(10)) {
        case 0: {
            Hello m{session, static_cast<std::uint32_t>(random.below(9)), random.below(9), "stranger"};
            if (random.one_in(3)) m.attempt += 1000;  // later than any other
            if (random.one_in(2)) m.capabilities = random.next();
            if (random.one_in(2)) m.secret = "a secret guessed.";
            m.secret = m.secret.substr(0, kSecret);
            if (random.one_in(9)) m.behalf = "s0";
            return encode(m);
        }
        case 1:
            return encode(Attach{1,
                                 {{static_cast<std::uint8_t>(random.below(8)),
                                   "evil0",
                                   {{stream, random.below(99), random.below(99)}}}}});
        case 2: return encode(Detach{{"evil0", "n0"}});
        case 3:
            return encode(Ack{{{stream, random.next() >> random.below(60), {{"n0", 5}, {"evil0", random.below(99)}}}}});
        case 4:
            return encode(
                Fetch{stream, random.next() >> random.below(64), static_cast<std::uint32_t>(random.below(100000))});
        case 5: return encode(Control{3, some_query(random, target, "g0")});
        case 6: return encode_ping(random.one_in(2) ? Verb::ping : Verb::pong, Ping{1});
        default: return some_cast(random, session, target);
    }
}

/// Would this, after it was damaged, be more than a stranger may do?
bool harmful(std::string_view bytes, std::uint64_t own, broker::State& state) {
    Frame frame;
    if (read_frame(bytes, frame) != cast::ErrorCode::ok) return false;
    Hello hello;
    if (frame.verb == Verb::hello && decode(frame.body, hello, frame.version)) {
        if (hello.session == own) return false;
        const broker::Session* session = state.sessions.session(hello.session);
        return session == nullptr || session->secret == broker::SecretHash{};
    }
    Attach attach;
    if (frame.verb == Verb::attach && decode(frame.body, attach, frame.version))
        for (const AttachNode& node : attach.nodes)
            if (node.name.starts_with("n") || node.name.starts_with("s")) return true;
    Control call;
    return frame.verb == Verb::control && decode(frame.body, call) && !only_reads(call.json);
}

}  // namespace

/// That of a client, of which every batch tells.
std::uint64_t World::some_session() {
    Client& client = *clients_[random_.below(clients_.size())];
    return client.alive() ? client.session()->outbound().session() : 1;
}

void World::hostile() {
    if (!daemon_.up()) return;
    const std::uint64_t session = 0x4242424242424242u;
    if (stranger_ == nullptr || stranger_->dead_up || random_.one_in(20)) {
        if (stranger_ != nullptr) stranger_->closed = true;
        stranger_ = network_.open(-1);
    }
    for (std::int64_t n = random_.between(1, 6); n > 0; --n) {
        const std::uint64_t streams = daemon_.router()->state().directory.broadcast().stream.id();
        const std::uint64_t as = random_.one_in(3) && !clients_.empty() ? some_session() : session;
        std::string bytes = some_frame(random_, as, some_node(), streams + random_.below(8));
        if (random_.one_in(2)) {
            for (std::int64_t flips = random_.between(1, 4); flips > 0; --flips)
                bytes[random_.below(bytes.size())] ^= static_cast<char>(1 << random_.below(8));
            if (random_.one_in(3)) bytes.resize(random_.below(bytes.size()));
            if (random_.one_in(6)) bytes.append(random_.below(40), 'z');
        }
        if (!harmful(bytes, session, daemon_.router()->state())) network_.send_up(*stranger_, bytes, now_us_);
    }
}

}  // namespace sim
