// HELLO, and the answers that are no WELCOME. See handshake.hpp.
#include "src/session/handshake.hpp"

#include "src/session/session_time.hpp"

namespace cast::detail {
namespace {

constexpr std::int64_t kHelloPatience = 2000 * kMillisecond;  // then another connection is tried
constexpr int kForbiddenHellos = 2;                           // then the session is somebody else's

}  // namespace

Handshake::Handshake(Introduction introduction)
    : introduction_(std::move(introduction)), patience_us_(kHelloPatience) {}

std::string Handshake::hello(std::uint64_t session, std::uint64_t seen, std::int64_t now_us) {
    greeted_us_ = now_us;
    wire::Hello m;
    m.session = session;
    m.attempt = ++attempt_;
    m.seen = seen;
    m.agent = introduction_.agent;
    if (version_ != wire::kVersion) {
        m.capabilities = wire::kCapabilities;
        m.secret = introduction_.secret;
        m.host = introduction_.host;
    }
    return wire::encode(m);
}

Handshake::Next Handshake::refused(const wire::ErrorReply& m) {
    switch (m.code) {
        case ErrorCode::unsupported_version:
            if (version_ == wire::kVersion) return reject(m.code);
            version_ = wire::kVersion;  // an older broker, which has not heard that HELLO
            --attempt_;
            return Next::redial;
        case ErrorCode::forbidden:  // once: a HELLO of an earlier connection of ours that came later than this one
            return ++forbidden_ < kForbiddenHellos ? Next::give_up : Next::anew;
        case ErrorCode::not_leader:
            leader_ = m.leader;
            trouble_ = "the broker there follows " + (leader_.empty() ? std::string("another one") : leader_);
            return Next::give_up;
        default: return reject(m.code);
    }
}

Handshake::Next Handshake::reject(ErrorCode why) {
    rejected_ = why;
    return Next::give_up;
}

bool Handshake::welcomed(std::uint64_t store, std::uint64_t epoch, ClientOutbox& out) {
    if (store == store_ && epoch < epoch_) {  // it lacks what we were told
        trouble_ = "the broker there has an older copy of the store (epoch " + std::to_string(epoch) + ", after " +
                   std::to_string(epoch_) + ")";
        out.notices.push_back({Notice::Kind::disconnected, {}, 0, trouble_});
        out.reconnect = true;
        return false;
    }
    store_ = store;
    epoch_ = epoch;
    forbidden_ = 0;
    rejected_ = ErrorCode::ok;
    trouble_.clear();
    return true;
}

void Handshake::disconnected(bool online) {
    if (online) version_ = wire::kNewestVersion;  // the broker may be another one by then
}

}  // namespace cast::detail
