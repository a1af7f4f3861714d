// Sending and its books. Main thread; Refusals::add on libcast's.
#include "nodectl/sender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "nodectl/context.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

constexpr std::size_t kLargestMessage = 64u << 20;  // the most that a broker can be configured to take
constexpr Milliseconds kMargin{500};                // libcast's own deadline comes first, and says more
constexpr Milliseconds kNoWait{1000};               // --wait none: time for the bytes to leave
constexpr std::size_t kReportedTargets = 5;

std::string target_name(const std::string& target) { return target.empty() ? "everybody" : printable(target); }

}  // namespace

bool Envelope::plain() const {
    return type == "text" && headers.empty() && !priority && !ttl && !delay && !at && id.empty() && !echo;
}

cast::Message Envelope::message(std::string_view payload) const {
    cast::Message message = !group.empty() ? cast::Message::multicast(group, payload)
                            : broadcast    ? cast::Message::broadcast(payload)
                                           : cast::Message::unicast(nodes, payload);
    message.type(type);
    for (const auto& [key, value] : headers) message.header(key, value);
    if (priority) message.priority(*priority);
    if (ttl) message.ttl(*ttl);
    if (delay) message.delay(*delay);
    if (at) message.deliver_at(*at);
    if (!id.empty()) message.id(id);
    if (echo) message.echo(true);
    return message;
}

std::string Envelope::target_text() const {
    if (!group.empty()) return fmt::format("group '{}'", group);
    if (broadcast) return "everybody";
    if (nodes.size() == 1) return fmt::format("'{}'", nodes.front());
    return fmt::format("'{}' and {}", nodes.front(), counted(nodes.size() - 1, "other"));
}

void Sender::Refusals::add(const cast::Refusal& refusal) {
    const std::lock_guard lock(mutex);
    auto& count = counts[{refusal.target, refusal.code}];
    if (count == 0) {
        warn(fmt::format("refused: {} {}: {}", cast::error_name(refusal.code), target_name(refusal.target),
                         cast::error_hint(refusal.code)));
    }
    count += refusal.messages;
    if (!first) first = refusal.code;
}

Sender::Sender(const Context& context, cast::Wait wait)
    : context_(context), wait_(wait), timeout_(context.timeout_or(kDefaultSendTimeout)) {}

int Sender::open(const std::string& from) {
    auto options = context_.options();
    options.send_only = true;
    options.send_timeout = timeout_;
    options.on_refused = [refusals = refusals_](const cast::Refusal& refusal) { refusals->add(refusal); };
    auto node = cast::Node::attach(from, options);
    if (!node) return fail(context_, fmt::format("cannot send as '{}'", from), node.error());
    node_.emplace(std::move(*node));
    return 0;
}

bool Sender::send(const Envelope& envelope, std::string_view payload) {
    timed_ = timed_ || envelope.delay || envelope.at;
    if (wait_ == cast::Wait::delivered || !envelope.plain()) return send(envelope, envelope.message(payload));
    if (!envelope.group.empty()) return handed(envelope, node_->multicast(envelope.group, payload), 1);
    if (envelope.broadcast) return handed(envelope, node_->broadcast(payload), 1);
    for (const auto& node : envelope.nodes) {
        if (!handed(envelope, node_->unicast(node, payload), 1)) return false;
    }
    return true;
}

bool Sender::send(const Envelope& envelope, const cast::Message& message) {
    if (wait_ == cast::Wait::delivered) return deliver(envelope, message);
    const std::uint64_t messages = std::max<std::size_t>(1, envelope.nodes.size());
    return handed(envelope, node_->send(message, cast::Wait::none, timeout_), messages);
}

/// Each node has an outcome of its own; the exit code is that of the first that has not acknowledged.
bool Sender::deliver(const Envelope& envelope, const cast::Message& message) {
    const auto outcomes = node_->send_each(message, wait_, timeout_);
    bool all = true;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        sent_ += outcomes[i] ? 1 : 0;
        if (outcomes[i]) continue;
        const std::string doing =
            fmt::format("not delivered to '{}'", i < envelope.nodes.size() ? envelope.nodes[i] : "");
        const int code = fail(context_, doing, outcomes[i].error());
        if (std::exchange(all, false)) code_ = code;
    }
    return all;
}

bool Sender::handed(const Envelope& envelope, const cast::Result<void>& result, std::uint64_t messages) {
    if (result) {
        sent_ += messages;
        return true;
    }
    code_ = fail(context_, fmt::format("cannot send to {}", envelope.target_text()), result.error());
    return false;
}

int Sender::finish(int code) {
    if (!node_) return code;
    if (wait_ == cast::Wait::delivered) return code != 0 ? code : report(0);
    const auto flushed = node_->flush(wait_ == cast::Wait::none ? kNoWait : timeout_ + kMargin);
    const bool overdue =
        flushed.code() == cast::ErrorCode::timed_out || flushed.code() == cast::ErrorCode::store_failed;
    if (flushed || (overdue && wait_ == cast::Wait::none)) return report(code);
    const int reported = report(code);
    if (reported != code) return reported;
    const int failed = overdue ? fail(fmt::format("no receipt within {} for some of {}", duration_text(timeout_),
                                                  counted(sent_, "message")),
                                      flushed.error())
                               : fail(context_, "cannot send", flushed.error());
    return code != 0 ? code : failed;
}

// Tells how many were refused, by code and target; the exit code is that of the first refusal.
int Sender::report(int code) {
    const std::lock_guard lock(refusals_->mutex);
    if (!refusals_->first) return code;
    std::uint64_t total = 0;
    std::size_t shown = 0;
    std::string list;
    for (const auto& [key, count] : refusals_->counts) {
        total += count;
        if (++shown > kReportedTargets) continue;
        list += fmt::format("{}{} {}", list.empty() ? "" : ", ", cast::error_name(key.second), target_name(key.first));
        if (refusals_->counts.size() > 1) list += fmt::format(" ({})", count);
    }
    if (shown > kReportedTargets) list += fmt::format(" and {} more", shown - kReportedTargets);
    warn(fmt::format("{} of {} refused: {}", total, counted(std::max(sent_, total), "message"), list));
    if (timed_ && *refusals_->first == cast::ErrorCode::invalid_argument)
        warn("--delay and --at reach as far as the broker's later-time (366 days, if nobody has set it)");
    return code != 0 ? code : cast::exit_code(*refusals_->first);
}

std::size_t Sender::max_message() const {
    const std::size_t reported = node_ ? node_->connection().max_message() : 0;
    return reported == 0 ? kLargestMessage : std::min(reported, kLargestMessage);
}

}  // namespace nodectl
