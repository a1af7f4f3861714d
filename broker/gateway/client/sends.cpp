// Sending without a thread that waits. io thread; see sends.hpp.
#include "gateway/client/sends.hpp"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "gateway/app.hpp"
#include "gateway/http/worker.hpp"

namespace gateway {

using cast::ErrorCode;
using nlohmann::json;

namespace {

constexpr std::size_t kSenders = 512;

}  // namespace

struct Sends::Line {
    Line(asio::io_context& io, cast::Connection c)
        : connection(std::move(c)), end(io, connection.descriptor()), room(io) {}
    ~Line() { end.release(); }  // the connection's own
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;

    cast::Connection connection;
    asio::posix::stream_descriptor end;
    Signal room;  ///< somebody who had none may have some
    std::map<cast::SendToken, Waiting*> waiting;
};

struct Sends::Waiting {
    Waiting(asio::io_context& io, Line& l, cast::SendToken t, Outcomes& o)
        : changed(io), line(l), token(t), outcomes(o) {
        line.waiting[token] = this;
    }
    ~Waiting() { line.waiting.erase(token); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    Signal changed;
    Line& line;
    cast::SendToken token;
    Outcomes& outcomes;
    std::size_t left = 0;  ///< sent, and without an outcome
};

Sends::Sends(App& app) : app_(app), opened_(app.io) {}
Sends::~Sends() = default;

void Sends::stop() { lines_.clear(); }

std::shared_ptr<Sends::Line> Sends::line_of(cast::Connection connection) {
    const int fd = connection.descriptor();
    if (fd < 0) throw Failure(ErrorCode::too_many, "no descriptor is left for what is being sent");
    auto& line = lines_[fd];
    if (line == nullptr) {
        line = std::make_shared<Line>(app_.io, std::move(connection));
        asio::co_spawn(app_.io, watch(line), asio::detached);
    }
    return line;
}

awaitable<void> Sends::watch(std::shared_ptr<Line> line) {
    error_code ec;
    for (bool ended = false; !ec && !ended;) {
        co_await line->end.async_wait(asio::posix::stream_descriptor::wait_read, into(ec));
        if (ec) break;
        const std::vector<cast::Outcome> some = line->connection.outcomes();
        for (const cast::Outcome& o : some) {
            if (o.kind == cast::Outcome::Kind::room) {
                line->room.notify();
                continue;
            }
            const auto at = line->waiting.find(o.token);
            if (at == line->waiting.end()) continue;
            Waiting& waiting = *at->second;
            if (o.code != ErrorCode::ok) waiting.outcomes[o.recipient] = explained({o.code, o.target});
            --waiting.left;
            waiting.changed.notify();
        }
        ended = some.empty() && line->connection.wait(milliseconds(0)).code() == ErrorCode::closed;
    }
}

awaitable<void> Sends::send(cast::Node& node, const Outgoing& outgoing, Outcomes& outcomes) {
    const std::shared_ptr<Line> line = line_of(node.connection());
    Waiting waiting(app_.io, *line, ++last_, outcomes);
    const auto until = steady_clock::now() + outgoing.timeout;
    cast::AsyncSend how;
    std::optional<cast::Error> failed;
    while (how.first < outcomes.size() && !failed) {
        const auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now());
        how.timeout = std::max(left, milliseconds(1));
        const auto sent = node.send_async(outgoing.message, waiting.token, how);
        if (sent) waiting.left += *sent - how.first;
        if (sent) how.first = *sent;
        if (how.first == outcomes.size()) break;
        if (!sent && sent.code() != ErrorCode::would_block)
            failed = sent.error();
        else if (left.count() <= 0)
            failed = cast::Error{ErrorCode::timed_out, "no room in the send window"};
        else
            co_await line->room.wait(until);
    }
    for (std::size_t i = how.first; i < outcomes.size(); ++i) outcomes[i] = explained(*failed);
    while (waiting.left > 0) co_await waiting.changed.wait();
}

awaitable<json> Sends::deliver(cast::Node& node, const Outgoing& outgoing, int& status) {
    const auto started = steady_clock::now();
    const bool unicast = outgoing.kind == cast::CastKind::unicast;
    Outcomes outcomes(unicast ? outgoing.recipients.size() : 1);
    co_await send(node, outgoing, outcomes);
    const std::chrono::duration<double> took = steady_clock::now() - started;
    std::size_t reached = 0;
    if (!unicast && outcomes.front().ok()) {
        Client& client = app_.client;
        auto work = [&client, &outgoing] { return readers(client, outgoing); };
        reached = co_await on_worker(app_.workers, work);
    }
    co_return sent_json(outgoing, outcomes, took.count(), reached, status);
}

awaitable<std::shared_ptr<cast::Node>> Sends::sender(std::string name) {
    for (;;) {
        if (const auto at = by_name_.find(name); at != by_name_.end()) {
            senders_.splice(senders_.begin(), senders_, at->second);
            co_return at->second->second;
        }
        if (!opening_.contains(name)) break;
        co_await opened_.wait();  // another one attaches it
    }
    struct Opening {
        Sends& sends;
        const std::string& name;
        Opening(Sends& s, const std::string& n) : sends(s), name(n) { sends.opening_.insert(name); }
        ~Opening() {
            sends.opening_.erase(name);
            sends.opened_.notify();
        }
        Opening(const Opening&) = delete;
        Opening& operator=(const Opening&) = delete;
    } const opening(*this, name);
    Client& client = app_.client;
    auto work = [&client, &name] { return client.sender(name); };
    std::shared_ptr<cast::Node> node = co_await on_worker(app_.workers, work);
    keep(name, node);
    co_return node;
}

void Sends::keep(const std::string& name, const std::shared_ptr<cast::Node>& node) {
    senders_.emplace_front(name, node);
    by_name_[name] = senders_.begin();
    // One that is at work stays: the connection would not attach its name a second time.
    for (auto at = std::prev(senders_.end()); senders_.size() > kSenders && at != senders_.begin();) {
        const auto oldest = at--;
        if (oldest->second.use_count() > 1) continue;
        by_name_.erase(oldest->first);
        senders_.erase(oldest);
    }
}

}  // namespace gateway
