// cast::Message: a draft to send, or a view on a received record.
#include <cast/message.hpp>

#include "src/node/message_access.hpp"
#include "wire/names.hpp"

namespace cast {

using std::chrono::milliseconds;

bool valid_name(std::string_view name) noexcept { return wire::valid_name(name); }

Message::Draft& Message::draft() {
    if (draft_ == nullptr) {
        auto fresh = std::make_shared<Draft>();
        if (batch_ != nullptr) {  // a received message, taken as the base of one to send
            fresh->payload = payload();
            fresh->type = type();
            fresh->priority = priority();
            for (const auto& [key, value] : headers()) fresh->headers.emplace_back(key, value);
            batch_.reset();
        }
        draft_ = std::move(fresh);
    } else if (draft_.use_count() > 1) {
        draft_ = std::make_shared<Draft>(*draft_);  // copies of a message do not change each other
    }
    return *draft_;
}

namespace {

Message make(CastKind kind, std::vector<std::string> to, std::string_view payload) {
    Message m;
    auto& draft = MessageAccess::draft(m);
    draft.kind = kind;
    draft.to = std::move(to);
    draft.payload = payload;
    return m;
}

}  // namespace

Message Message::unicast(std::string_view to, std::string_view payload) {
    return make(CastKind::unicast, {std::string(to)}, payload);
}
Message Message::unicast(std::initializer_list<std::string_view> to, std::string_view payload) {
    return make(CastKind::unicast, {to.begin(), to.end()}, payload);
}
Message Message::unicast(std::vector<std::string> to, std::string_view payload) {
    return make(CastKind::unicast, std::move(to), payload);
}
Message Message::multicast(std::string_view group, std::string_view payload) {
    return make(CastKind::multicast, {std::string(group)}, payload);
}
Message Message::broadcast(std::string_view payload) { return make(CastKind::broadcast, {}, payload); }

Message& Message::type(std::string_view type) & {
    draft().type = type;
    return *this;
}
Message& Message::header(std::string_view key, std::string_view value) & {
    draft().headers.emplace_back(key, value);
    return *this;
}
Message& Message::id(std::string_view id) & { return header("id", id); }
Message& Message::priority(int priority) & {
    draft().priority = priority;
    return *this;
}
Message& Message::ttl(milliseconds ttl) & {
    draft().ttl = ttl;
    return *this;
}
Message& Message::delay(milliseconds delay) & {
    draft().delay = delay;
    draft().due = {};
    return *this;
}
Message& Message::deliver_at(std::chrono::system_clock::time_point time) & {
    draft().delay = milliseconds(0);
    draft().due = time;
    return *this;
}
Message& Message::echo(bool echo) & {
    draft().echo = echo;
    return *this;
}
Message& Message::attached_only(bool only) & {
    draft().attached_only = only;
    return *this;
}

std::string_view Message::draft_payload() const {
    return draft_ != nullptr ? std::string_view(draft_->payload) : std::string_view();
}
std::string_view Message::type() const {
    if (batch_ != nullptr) return {type_, type_size_};
    return draft_ != nullptr ? std::string_view(draft_->type) : std::string_view("text");
}
std::vector<std::pair<std::string_view, std::string_view>> Message::headers() const {
    std::vector<std::pair<std::string_view, std::string_view>> all;
    if (batch_ != nullptr) {
        wire::for_each_header({headers_, headers_size_},
                              [&](std::string_view k, std::string_view v) { all.emplace_back(k, v); });
    } else if (draft_ != nullptr) {
        for (const auto& [key, value] : draft_->headers) all.emplace_back(key, value);
    }
    return all;
}
std::optional<std::string_view> Message::header(std::string_view key) const {
    if (batch_ != nullptr && headers_size_ == 0) return std::nullopt;
    for (const auto& [k, v] : headers())
        if (k == key) return v;
    return std::nullopt;
}
std::string_view Message::id() const { return header("id").value_or(std::string_view()); }
CastKind Message::kind() const {
    if (batch_ != nullptr) return static_cast<CastKind>(batch_->view.header.cast);
    return draft_ != nullptr ? draft_->kind : CastKind::unicast;
}
int Message::priority() const {
    if (batch_ != nullptr) return batch_->view.header.priority;
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is looked at
    return draft_ != nullptr ? draft_->priority : wire::kDefaultPriority;
}
milliseconds Message::ttl() const {
    if (batch_ != nullptr) return milliseconds(batch_->view.header.ttl_ms);
    return draft_ != nullptr ? draft_->ttl : milliseconds(0);
}
const std::vector<std::string>& Message::recipients() const {
    static const std::vector<std::string> nobody;
    // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn): it is looked at
    return draft_ != nullptr ? draft_->to : nobody;
}
std::string_view Message::sender() const { return batch_ != nullptr ? batch_->view.header.sender : std::string_view(); }
std::string_view Message::target() const {
    if (batch_ != nullptr) return batch_->view.header.target;
    return draft_ != nullptr && draft_->to.size() == 1 ? std::string_view(draft_->to[0]) : std::string_view();
}
std::uint64_t Message::sequence() const { return batch_ != nullptr ? batch_->view.header.sequence + index_ : 0; }
std::chrono::system_clock::time_point Message::arrival() const {
    if (batch_ == nullptr) return {};
    return std::chrono::system_clock::time_point(std::chrono::microseconds(batch_->view.header.arrival_us));
}
bool Message::redelivered() const { return redelivered_; }

}  // namespace cast
