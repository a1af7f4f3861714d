// Handshake: how a session presents itself to a broker, and what it makes of a broker that does not take it: an older
// version, a session that is somebody else's by now, a broker that follows another one, an old copy of the store.
// Pure; part of the session (session.hpp), under the link's lock.
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <string>
#include <utility>

#include "src/session/outbox.hpp"
#include "wire/handshake.hpp"

namespace cast::detail {

/// What a session says of itself when it connects.
struct Introduction {
    std::string agent;
    std::string secret = {};  ///< wire::kSecret bytes that prove the session to be ours; empty: it can be taken
    std::string host = {};    ///< where this program runs; may be empty
};

class Handshake {
public:
    /// What is to be done about a HELLO that was refused.
    enum class Next {
        give_up,  ///< the connection: another attempt may go better
        redial,   ///< the same broker, at once
        anew,     ///< the session is lost: another one begins
    };

    explicit Handshake(Introduction introduction);

    /// The HELLO for a fresh connection.
    std::string hello(std::uint64_t session, std::uint64_t seen, std::int64_t now_us);
    /// It is the session's first: nothing that is sent with it can be misunderstood.
    bool first() const { return attempt_ == 1; }
    /// How long a HELLO waits for its WELCOME on a connection.
    void patience(std::int64_t us) { patience_us_ = us; }
    std::int64_t due_us() const { return greeted_us_ + patience_us_; }

    Next refused(const wire::ErrorReply& m);
    /// The broker is not to be used, and this is why.
    Next reject(ErrorCode why);
    /// It was welcomed, to this epoch of this store. False: the store is an older copy of one that it knows, and the
    /// connection is given up.
    bool welcomed(std::uint64_t store, std::uint64_t epoch, ClientOutbox& out);
    /// The connection is gone. `online`: it had been welcomed.
    void disconnected(bool online);
    /// Another session goes on.
    void begin_anew() { attempt_ = 0; }

    ErrorCode rejected() const { return rejected_; }  ///< why the broker does not take us; ok: no such word
    /// Why the broker dialled last is not the one to speak to; or empty.
    const std::string& trouble() const { return trouble_; }
    /// The broker that the one dialled last said to dial instead; or empty. Taken once.
    std::string take_leader() { return std::exchange(leader_, {}); }

private:
    Introduction introduction_;
    std::uint8_t version_ = wire::kNewestVersion;  // of the next HELLO
    std::uint32_t attempt_ = 0;
    int forbidden_ = 0;  // HELLOs in a row that were
    std::int64_t greeted_us_ = 0;
    std::int64_t patience_us_;
    std::uint64_t store_ = 0, epoch_ = 0;  // welcomed to last
    ErrorCode rejected_ = ErrorCode::ok;
    std::string leader_, trouble_;
};

}  // namespace cast::detail
