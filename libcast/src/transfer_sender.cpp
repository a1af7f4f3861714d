// FileSender::State: sending, and what comes back. See transfer_sender.hpp.
#include "src/transfer_sender.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "src/session_time.hpp"

namespace cast {

using detail::FileHead;
using detail::FilePlace;
using detail::FileTaker;
using detail::Lock;

namespace {

constexpr std::size_t kOnTheirWay =
    3u << 19;  // bytes without an outcome: less than the session's window, others send too
constexpr std::size_t kHeadRoom = 8 * 1024;

}  // namespace

FilePlace FileSender::State::place() const {
    return {position, kept.empty() ? position : kept.front().offset, bool(source), ended};
}

FileHead FileSender::State::head() const {
    FileHead head;
    head.transfer = transfer;
    head.correlation = correlation;
    head.name = options.name;
    head.size = options.size;
    head.report_to = report_to;
    return head;
}

bool FileSender::State::room(Lock& lock, wire::Cast cast, const std::string& target) const {
    return watched_bytes + chunk <= kOnTheirWay && link->session(lock).outbound().room(cast, target, chunk + kHeadRoom);
}

bool FileSender::State::allowed() {
    if (!window.may_go(position + pending.size())) return false;
    Lock lock = link->lock();
    return std::all_of(targets.begin(), targets.end(),
                       [&](const Target& t) { return t.error.code != ErrorCode::ok || room(lock, t.cast, t.name); });
}

void FileSender::State::failed(wire::Cast cast, const std::string& target, Error error) {
    if (cast == wire::Cast::unicast) window.fail(target, error);
    for (Target& t : targets)
        if (t.cast == cast && t.name == target && t.error.code == ErrorCode::ok) t.error = error;
}

void FileSender::State::send(wire::Cast cast, const std::string& target, const FileHead& what, std::string_view bytes) {
    wire::HeaderList list = envelope.headers;
    write_head(what, list);
    const std::string headers = wire::encode_headers(list);
    detail::Parcel p;
    p.cast = cast;
    p.sender = sender;
    p.target = target;
    p.payload = bytes;
    p.type = detail::kFileType;
    p.headers = headers;
    p.priority = static_cast<std::uint8_t>(envelope.priority);
    p.ttl_ms = static_cast<std::uint32_t>(envelope.ttl.count());
    p.flags = static_cast<std::uint8_t>((envelope.echo ? wire::kEcho : 0) |
                                        (envelope.attached_only ? wire::kAttachedOnly : 0));
    p.watch = detail::next_watch();
    Result<void> sent = link->send(p);
    while (sent.code() == ErrorCode::would_block) {  // another thread was faster
        Lock lock = link->lock();
        link->wait(lock, detail::now_us() + 100 * detail::kMillisecond, [&] { return room(lock, cast, target); });
        lock.unlock();
        sent = link->send(p);
    }
    if (!sent) return failed(cast, target, sent.error());
    watched.push_back({p.watch, bytes.size(), cast, target});
    watched_bytes += bytes.size();
}

void FileSender::State::send_to_all(const FileHead& what, std::string_view bytes) {
    for (const Target& t : targets) {
        const bool has_it = !what.offer && !what.last() && what.offset + bytes.size() <= t.start;
        if (t.error.code == ErrorCode::ok && !has_it) send(t.cast, t.name, what, bytes);
    }
}

void FileSender::State::keep(Piece piece) {
    if (report_to.empty()) return;
    kept.push_back(std::move(piece));
    while (kept.size() * chunk > detail::kFileAhead + chunk) kept.pop_front();
}

// Sends what is pending, if it may go; the last piece may be empty.
bool FileSender::State::send_piece(bool last) {
    if (!allowed()) return false;
    Piece piece{position, std::make_shared<const std::string>(std::move(pending))};
    pending = {};
    hash.add(*piece.bytes);
    if (last) {
        sha256 = hash.hex();
        ended = true;
        options.size = position + piece.bytes->size();
    }
    FileHead what = head();
    what.offset = position;
    what.sha256 = sha256;
    position += piece.bytes->size();
    send_to_all(what, *piece.bytes);
    keep(std::move(piece));
    return true;
}

Result<std::size_t> FileSender::State::take(std::string_view bytes) {
    if (options.size && bytes.size() > *options.size - position - pending.size())
        return Error{ErrorCode::too_large, "'" + options.name + "' has more bytes than the " +
                                               std::to_string(*options.size) + " that were announced"};
    pump();
    std::size_t taken = 0;
    for (;;) {
        const std::size_t fits = std::min(chunk - pending.size(), bytes.size() - taken);
        pending.append(bytes.substr(taken, fits));
        taken += fits;
        if (taken == bytes.size() || !send_piece(false)) break;
    }
    if (const auto all = all_failed(); !all) return all.error();
    return taken;
}

// What a receiver lacks: of what is kept, or else from the file.
Result<std::string> FileSender::State::again(std::uint64_t offset) const {
    for (const Piece& piece : kept) {
        const std::uint64_t end = piece.offset + piece.bytes->size();
        if (offset >= piece.offset && offset < end)
            return piece.bytes->substr(static_cast<std::size_t>(offset - piece.offset));
    }
    std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(chunk, position - offset)), '\0');
    for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t n = ::pread(source.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(offset + at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return detail::system_error("read", options.name);
        if (n == 0)
            return Error{ErrorCode::invalid_argument, "'" + options.name + "' became shorter while it was sent"};
        at += static_cast<std::size_t>(n);
    }
    return bytes;
}

// Sends one receiver the next chunk that it lacks. False: not now, or nothing is left.
bool FileSender::State::repair(const std::string& name, FileTaker& taker) {
    if (taker.repaired || taker.repair > taker.held + detail::kFileAhead) return false;
    {
        Lock lock = link->lock();
        if (!room(lock, wire::Cast::unicast, name)) return false;
    }
    auto bytes = again(taker.repair);
    if (!bytes) {
        window.fail(name, bytes.error());
        return false;
    }
    FileHead what = head();
    what.offset = taker.repair;
    taker.repair += bytes->size();
    taker.repaired = taker.repair >= taker.repair_to;
    if (taker.repaired && ended) what.sha256 = sha256;
    taker.ask_now = taker.repaired && !ended;
    send(wire::Cast::unicast, name, what, *bytes);
    return true;
}

// Asks who is stuck, gives up who stays so, sends what is lacking.
void FileSender::State::attend() {
    if (report_to.empty()) return;
    const std::int64_t now = detail::now_us();
    if (window.give_up(place(), now, detail::microseconds(options.patience))) {
        ++moves;
        for (const auto& [name, taker] : window.takers())
            if (taker.state == FileTaker::State::failed) failed(wire::Cast::unicast, name, taker.error);
    }
    if (ended) window.take_up_late(place(), now);
    for (auto& [name, taker] : window.takers())
        while (taker.state == FileTaker::State::behind && repair(name, taker)) {
        }
    FileHead question = head();
    question.offer = true;
    for (const std::string& name : window.to_ask(place(), now)) send(wire::Cast::unicast, name, question, {});
}

void FileSender::State::see_outcomes(Lock& lock) {
    detail::Outbound& outbound = link->session(lock).outbound();
    std::erase_if(watched, [&](const Watched& w) {
        ErrorCode code = ErrorCode::ok;
        if (!outbound.outcome(w.watch, code)) return false;
        watched_bytes -= w.bytes;
        ++moves;
        const bool may_come_back =
            code == ErrorCode::no_such_node && w.cast == wire::Cast::unicast && window.gone(w.target, detail::now_us());
        if (code != ErrorCode::ok && !may_come_back) failed(w.cast, w.target, {code, w.target});
        return true;
    });
}

// Takes in what has come. True: something moved.
bool FileSender::State::digest(Lock& lock) {
    const std::uint64_t before = moves;
    see_outcomes(lock);
    if (!report_to.empty()) {
        for (const Message& message : link->take_reports(lock, correlation, report_to)) {
            const auto word = detail::read_word(message);
            if (!word || word->transfer != transfer) continue;
            window.heard(message.sender(), *word, place(), detail::now_us());
            ++moves;
        }
    }
    if (moves != before) moved_us = detail::now_us();
    return moves != before;
}

bool FileSender::State::pump() {
    Lock lock = link->lock();
    link->look(lock);
    const bool moved = digest(lock);
    lock.unlock();
    attend();
    return moved;
}

Result<void> FileSender::State::wait() {
    Lock lock = link->lock();
    link->wait(lock, detail::now_us() + 100 * detail::kMillisecond, [&] { return digest(lock); });
    if (link->stopping()) return Error{ErrorCode::closed, {}};
    lock.unlock();
    if (node.expired()) return Error{ErrorCode::closed, "the sending node is gone"};
    attend();
    return {};
}

Result<void> FileSender::State::all_failed() const {
    const bool any =
        std::any_of(targets.begin(), targets.end(), [](const Target& t) { return t.error.code == ErrorCode::ok; });
    if (any || targets.empty()) return {};
    return targets.back().error;
}

bool FileSender::State::complete() {
    if (options.wait == Wait::none) return true;
    const bool late = detail::now_us() - moved_us > detail::microseconds(options.patience);
    if (!watched.empty() || !window.all_over()) return late && watched.empty();
    if (options.wait != Wait::delivered) return true;
    bool all = true;
    for (Target& t : targets) {
        if (t.error.code != ErrorCode::ok || window.find(t.name) != nullptr) continue;
        if (late) t.error = {ErrorCode::timed_out, "'" + t.name + "' has not said that it saved the file"};
        all = all && late;
    }
    return all;
}

Result<std::optional<FileReport>> FileSender::State::end() {
    pump();
    if (!ended) {
        if (options.size && position + pending.size() != *options.size)
            return Error{ErrorCode::invalid_argument, "'" + options.name + "' has fewer bytes than were announced"};
        if (!send_piece(true)) {
            if (const auto all = all_failed(); !all) return all.error();
            return std::optional<FileReport>();
        }
        moved_us = detail::now_us();
        pump();
    }
    if (!complete()) return std::optional<FileReport>();
    return std::optional<FileReport>(report());
}

FileReport FileSender::State::report() const {
    FileReport report;
    report.size = position;
    report.sha256 = sha256;
    report.skipped = position;
    for (const Target& t : targets) report.skipped = std::min(report.skipped, t.start);
    for (const Target& t : targets) {
        const FileTaker* taker = t.cast == wire::Cast::unicast ? window.find(t.name) : nullptr;
        if (t.cast != wire::Cast::unicast && t.error.code == ErrorCode::ok) continue;
        FileOutcome outcome;
        if (t.cast == wire::Cast::unicast) outcome.node = t.name;
        outcome.error = taker != nullptr && taker->over() ? taker->error : t.error;
        if (taker != nullptr) outcome.saved_as = taker->saved_as;
        outcome.state = outcome.error.code != ErrorCode::ok                           ? FileOutcome::State::failed
                        : taker != nullptr && taker->state == FileTaker::State::saved ? FileOutcome::State::saved
                                                                                      : FileOutcome::State::sent;
        report.outcomes.push_back(std::move(outcome));
    }
    if (targets.front().cast == wire::Cast::unicast) return report;
    for (const auto& [name, taker] : window.takers()) {
        FileOutcome outcome;
        outcome.node = name;
        outcome.error = taker.error;
        outcome.saved_as = taker.saved_as;
        if (taker.over())
            outcome.state =
                taker.state == FileTaker::State::saved ? FileOutcome::State::saved : FileOutcome::State::failed;
        report.outcomes.push_back(std::move(outcome));
    }
    return report;
}

FileProgress FileSender::State::progress() const {
    FileProgress progress;
    progress.done = position;
    progress.size = options.size;
    progress.receivers = window.takers().size();
    progress.saved = window.saved();
    if (progress.receivers > 0) progress.held = window.floor(position);
    return progress;
}

}  // namespace cast
