// The gateway's connections to the broker. Worker threads.
#include "gateway/client/client.hpp"

#include <nlohmann/json.hpp>

#include "gateway/http/request.hpp"

namespace gateway {

using cast::Error;
using cast::ErrorCode;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kConnect{2000};
constexpr milliseconds kSendMost{60'000};

template <class T>
T value(cast::Result<T> result) {
    if (!result) throw Failure(explained(result.error()));
    return std::move(result).value();
}

}  // namespace

Error explained(const Error& error) {
    return error.code == ErrorCode::closed ? Error{ErrorCode::shutting_down, "the broker is going down"} : error;
}

cast::Options Client::options(const char* agent) const {
    cast::Options o;
    o.broker = broker_;
    o.connect_timeout = kConnect;
    o.send_timeout = kSendMost;
    o.agent = agent;
    return o;
}

cast::Connection& Client::open(std::optional<cast::Connection>& slot, const cast::Options& options) {
    if (closed_) throw Failure(ErrorCode::shutting_down, "the broker is going down");
    if (!slot) slot = value(cast::Connection::open(options));
    return *slot;
}

cast::Connection Client::watcher() { return value(cast::Connection::open(options("gateway"))); }

void Client::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto* slot : {&control_, &sending_, &receiving_, &taking_over_})
        if (*slot) (*slot)->close();
}

json Client::call(const json& request) {
    std::unique_lock lock(mutex_);
    if (!admin_) admin_.emplace(open(control_, options("gateway")));
    cast::Admin admin = *admin_;
    lock.unlock();
    const auto answer = admin.call(dump(request));
    if (!answer) throw Failure(explained(answer.error()));
    json parsed = json::parse(*answer, nullptr, false);
    if (parsed.is_discarded()) throw Failure(ErrorCode::internal, "the broker's answer is not JSON");
    return parsed;
}

std::shared_ptr<cast::Node> Client::sender(const std::string& name) {
    std::unique_lock lock(mutex_);
    cast::Options o = options("gateway");
    o.send_only = true;
    cast::Connection connection = open(sending_, o);
    lock.unlock();
    return std::make_shared<cast::Node>(value(connection.attach(name)));
}

cast::Node Client::attach(const std::string& name, bool take_over) {
    std::unique_lock lock(mutex_);
    cast::Options o = options("gateway");
    o.manual_ack = true;
    o.take_over = take_over;
    o.on_notice = on_notice;
    cast::Connection connection = open(take_over ? taking_over_ : receiving_, o);
    lock.unlock();
    return value(connection.attach(name));
}

std::size_t Client::max_message() {
    const std::lock_guard lock(mutex_);
    return open(control_, options("gateway")).max_message();
}

}  // namespace gateway
