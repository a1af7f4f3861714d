// FileSender::State: sending, and what comes back. See transfer_sender.hpp.
#include "src/transfer/transfer_sender.hpp"

#include <cast/admin.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "src/session/session_time.hpp"

namespace cast {

using detail::FileHead;
using detail::FilePlace;
using detail::FileTaker;
using detail::Lock;

namespace {

constexpr std::size_t kOnTheirWay =
    3u << 19;  // bytes without an outcome: less than the session's window, others send too
constexpr std::size_t kHeadRoom = 8 * 1024;
constexpr std::int64_t kAnswers = 5000 * detail::kMillisecond;     // who reads, for its first report
constexpr std::int64_t kManyAnswer = 1000 * detail::kMillisecond;  // the readers of a group, or all
constexpr std::int64_t kCheckEach = 200 * detail::kMillisecond;
constexpr std::chrono::milliseconds kResolveTime{1000};
constexpr std::size_t kMembersChecked = 64;

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
    return awaited_bytes + chunk <= kOnTheirWay && link->session(lock).outbound().room(cast, target, chunk + kHeadRoom);
}

bool FileSender::State::allowed() {
    if (!window.may_go(position + pending.size())) return false;
    Lock lock = link->lock();
    return std::all_of(targets.begin(), targets.end(),
                       [&](const Target& t) { return t.error.code != ErrorCode::ok || room(lock, t.cast, t.name); });
}

void FileSender::State::failed(wire::Cast cast, const std::string& target, const Error& error) {
    if (cast == wire::Cast::unicast) window.fail(target, error);
    for (Target& t : targets)
        if (t.cast == cast && t.name == target && t.error.code == ErrorCode::ok) t.error = error;
}

void FileSender::State::send(wire::Cast cast, const std::string& target, const FileHead& what, std::string_view bytes,
                             bool asks) {
    wire::HeaderList list = envelope.headers;
    write_head(what, list);
    const std::string headers = wire::encode_headers(list);
    detail::OutgoingRecord p;
    p.cast = cast;
    p.sender = sender;
    p.target = target;
    p.payload = bytes;
    p.type = detail::kFileType;
    p.headers = headers;
    p.priority = static_cast<std::uint8_t>(envelope.priority);
    p.ttl_ms = static_cast<std::uint32_t>(envelope.ttl.count());
    p.flags = static_cast<std::uint8_t>((envelope.echo ? wire::kEcho : 0) |
                                        (envelope.attached_only ? wire::kAttachedOnly : 0) |
                                        (asks && cast == wire::Cast::unicast ? wire::kWantsDelivered : 0));
    p.token = detail::next_token();
    const auto from = node.lock();
    if (from != nullptr) p.from = from->attachment.get();
    Result<void> sent = link->send(p);
    while (sent.code() == ErrorCode::would_block) {  // another thread was faster
        Lock lock = link->lock();
        link->wait(lock, detail::now_us() + 100 * detail::kMillisecond, [&] { return room(lock, cast, target); });
        lock.unlock();
        sent = link->send(p);
    }
    if (!sent) return failed(cast, target, sent.error());
    awaited.push_back({p.token, bytes.size(), cast, target, asks});
    awaited_bytes += bytes.size();
}

void FileSender::State::send_to_all(const FileHead& what, std::string_view bytes) {
    for (const Target& t : targets) {
        const bool has_it = !what.offer && !what.last() && what.offset + bytes.size() <= t.start;
        if (t.error.code == ErrorCode::ok && !has_it) send(t.cast, t.name, what, bytes, !asked && !report_to.empty());
    }
    asked = true;
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
    if (link->stopping()) return link->closed();
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
    if (ended) window.take_up_overdue(place(), now);
    for (auto& [name, taker] : window.takers())
        while (taker.state == FileTaker::State::behind && repair(name, taker)) {
        }
    FileHead question = head();
    question.offer = true;
    for (const std::string& name : window.to_ask(place(), now)) send(wire::Cast::unicast, name, question, {});
}

FileSender::State::Target* FileSender::State::target_of(const Awaited& w) {
    const auto at = std::find_if(targets.begin(), targets.end(),
                                 [&w](const Target& t) { return t.cast == w.cast && t.name == w.target; });
    return at == targets.end() ? nullptr : &*at;
}

void FileSender::State::see_outcome(const Awaited& w, ErrorCode code) {
    const bool may_come_back =
        code == ErrorCode::no_such_node && w.cast == wire::Cast::unicast && window.gone(w.target, detail::now_us());
    if (code != ErrorCode::ok && !may_come_back) failed(w.cast, w.target, {code, w.target});
}

void FileSender::State::see_outcomes(Lock& lock) {
    detail::Outbound& outbound = link->session(lock).outbound();
    std::erase_if(awaited, [&](const Awaited& w) {
        ErrorCode code = ErrorCode::ok;
        const bool known = outbound.outcome(w.token, code);
        const bool held = !known && w.asks && outbound.awaits_delivery(w.token);
        if (!known && !held) return false;
        awaited_bytes -= w.bytes;
        ++moves;
        if (Target* t = w.asks ? target_of(w) : nullptr) {
            t->asked_us = detail::now_us();
            t->asking = held ? w.token : 0;
        }
        see_outcome(w, code);
        return true;
    });
}

// A receiver that has reported tells more about itself than the fate of its first message does.
void FileSender::State::see_acknowledgements(Lock& lock) {
    for (Target& t : targets) {
        ErrorCode code = ErrorCode::ok;
        if (t.asking == 0 || !link->session(lock).outbound().outcome(t.asking, code)) continue;
        t.asking = 0;
        ++moves;
        if (code != ErrorCode::ok && window.find(t.name) == nullptr) failed(t.cast, t.name, {code, t.name});
    }
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
    see_acknowledgements(lock);
    if (moves != before) moved_us = detail::now_us();
    return moves != before;
}

bool FileSender::State::pump() {
    Lock lock = link->lock();
    link->check(lock);
    const bool moved = digest(lock);
    lock.unlock();
    attend();
    return moved;
}

Result<void> FileSender::State::wait() {
    Lock lock = link->lock();
    link->wait(lock, detail::now_us() + 100 * detail::kMillisecond, [&] { return digest(lock); });
    if (link->stopping()) return link->closed();
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

// Somebody who reads now may answer; nobody else is waited for.
bool FileSender::State::anybody_there(Target& t) {
    const std::int64_t now = detail::now_us();
    if (t.checked_us != 0 && now - t.checked_us < kCheckEach) return t.there;
    t.checked_us = now;
    Admin admin(connection);
    admin.set_timeout(kResolveTime);
    auto reads = [&](const std::string& name) {
        const auto found = admin.node(name);
        return found ? found->attached : found.code() != ErrorCode::no_such_node;
    };
    if (t.cast == wire::Cast::broadcast) return t.there;
    if (t.cast == wire::Cast::unicast) return t.there = reads(t.name);
    const auto group = admin.group(t.name);
    if (!group || group->members.size() > kMembersChecked) return t.there = group.code() != ErrorCode::no_such_group;
    return t.there = std::any_of(group->members.begin(), group->members.end(), [&](const std::string& member) {
               const bool own = member == sender && !envelope.echo;
               return !own && window.find(member) == nullptr && reads(member);
           });
}

// Whether somebody may still report for the first time. A reader of a unicast that has acknowledged the question and
// has not reported does not save files; of the others nobody tells that.
bool FileSender::State::may_answer(Target& t) {
    if (report_to.empty() || t.error.code != ErrorCode::ok) return false;
    const bool unicast = t.cast == wire::Cast::unicast;
    if (unicast && (t.asking == 0 || window.find(t.name) != nullptr)) return false;
    const std::int64_t most = std::min(detail::microseconds(options.patience), unicast ? kAnswers : kManyAnswer);
    return detail::now_us() - t.asked_us < most && anybody_there(t);
}

bool FileSender::State::complete() {
    if (options.wait == Wait::none) return true;
    const bool overdue = detail::now_us() - moved_us > detail::microseconds(options.patience);
    if (!awaited.empty() || !window.all_over()) return overdue && awaited.empty();
    bool all = true;
    if (options.wait != Wait::delivered) {
        for (Target& t : targets) all = all && !may_answer(t);
        return all;
    }
    for (Target& t : targets) {
        if (t.error.code != ErrorCode::ok || window.find(t.name) != nullptr) continue;
        if (overdue) t.error = {ErrorCode::timed_out, "'" + t.name + "' has not said that it saved the file"};
        all = all && overdue;
    }
    return all;
}

Result<std::optional<FileReport>> FileSender::State::end() {
    if (link->stopping()) return link->closed();
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
