// The link's hidden node, "$reply.<session>": answers to requests, and presence events. Under the link's lock.
#include "src/connection/link.hpp"
#include "src/node/message_access.hpp"
#include "src/node/node_state.hpp"
#include "src/session/session_time.hpp"
#include "wire/names.hpp"

namespace cast::detail {

Result<std::string> Link::reply_node(std::int64_t until_us) {
    Lock lock(mutex_);
    if (stop_) return closed();
    const std::string name = session_.reply_name();
    auto node = session_.find(name);
    if (node == nullptr) {
        node = session_.attach(name, true, false, 0, out_);
        carry_out(lock);
    }
    const bool there = wait(lock, until_us, [&] { return node->state != Attachment::State::wanted; });
    if (stop_) return closed();
    if (!there) return session_.online() ? Error{ErrorCode::timed_out, url()} : unreachable();
    if (node->state == Attachment::State::failed) return Error{node->code, "the reply node"};
    return name;
}

void Link::expect_reply(const std::string& correlation) {
    const Lock lock(mutex_);
    replies_[correlation];
}

void Link::forget_reply(const std::string& correlation) {
    const Lock lock(mutex_);
    replies_.erase(correlation);
}

void Link::sort_replies(Lock& lock, const std::string& name) {
    const auto node = session_.find(name);
    if (node == nullptr || node->inbox.items == 0) return;
    Item item;
    while (node->inbox.pop(item)) {
        wire::Reader in(item.batch->view.records);
        const std::string_view target = item.batch->view.header.target;
        const bool event = target == wire::kEventsGroup;
        for (std::uint32_t i = 0; i < item.batch->view.header.count; ++i) {
            const auto record = wire::read_record(in);
            if (!record) break;
            Message message;
            MessageAccess::view(message, item.batch, *record, i, false);
            if (event) {
                events_.push_back(std::move(message));
                if (events_.size() > kEventsKept) events_.pop_front();
            } else if (const auto correlation = message.header("correlation")) {
                const std::string key(*correlation);
                const auto awaited = replies_.find(key);
                const auto reports = reports_.find(key);
                if (awaited != replies_.end()) {
                    awaited->second = std::move(message);
                } else if (reports != reports_.end()) {
                    reports->second.push_back(std::move(message));
                    if (reports->second.size() > kReportsKept) reports->second.pop_front();
                }
            }
        }
        item.reading->done.store(item.batch->view.last_sequence(), std::memory_order_release);
        session_.inbound().finished(item, clock_us_, out_);
        carry_out(lock);
    }
    if (waiting_ > 1) wake(lock);  // it may be another's that was found, who may be polling
}

Result<Message> Link::await_reply(const std::string& correlation, std::uint64_t token, const std::string& name,
                                  std::int64_t until_us) {
    Lock lock(mutex_);
    std::optional<Message>& slot = replies_[correlation];
    ErrorCode code = ErrorCode::ok;
    bool receipted = false;
    wait(lock, until_us, [&] {
        sort_replies(lock, name);
        if (!receipted) receipted = session_.outbound().outcome(token, code);
        return slot.has_value() || code != ErrorCode::ok;
    });
    Result<Message> result = stop_ ? closed() : Error{ErrorCode::timed_out, "no answer came"};
    if (slot.has_value())
        result = std::move(*slot);
    else if (code != ErrorCode::ok)
        result = Error{code, {}};
    if (!receipted) session_.outbound().forget(token);
    replies_.erase(correlation);
    return result;
}

void Link::expect_reports(const std::string& correlation) {
    const Lock lock(mutex_);
    reports_[correlation];
}

void Link::forget_reports(const std::string& correlation) {
    const Lock lock(mutex_);
    reports_.erase(correlation);
}

std::deque<Message> Link::take_reports(Lock& lock, const std::string& correlation, const std::string& name) {
    sort_replies(lock, name);
    std::deque<Message> taken;
    if (const auto at = reports_.find(correlation); at != reports_.end()) taken.swap(at->second);
    return taken;
}

Result<Message> Link::next_event(std::int64_t until_us) {
    auto name = reply_node(until_us);
    if (!name) return name.error();
    Lock lock(mutex_);
    wait(lock, until_us, [&] {
        sort_replies(lock, *name);
        return !events_.empty();
    });
    if (stop_) return closed();
    if (events_.empty()) return Error{ErrorCode::timed_out, "nothing came"};
    Message event = std::move(events_.front());
    events_.pop_front();
    return event;
}

}  // namespace cast::detail
