// Session: a client's life with the broker: handshake, nodes, sending, receiving, management calls. Pure: the link
// (link.cpp) feeds it frames and time and carries its ClientOutbox out; the simulation does the same. It is not
// thread-safe by itself: the link's lock covers it.
#pragma once
#include <atomic>
#include <cast/error.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/inbound/inbound.hpp"
#include "src/outbound/outbound.hpp"
#include "src/session/handshake.hpp"
#include "src/session/keepalive.hpp"
#include "wire/frame.hpp"
#include "wire/handshake.hpp"

namespace cast::detail {

/// A node of this session.
struct Attachment {
    enum class State { wanted, attached, failed };
    Inbox inbox;
    State state = State::wanted;
    ErrorCode code = ErrorCode::ok;  ///< why it failed
    bool receives = true;
    bool take_over = false;
    bool was_attached = false;
    std::uint64_t epoch = 0;       ///< of the broker that attached it last
    std::uint32_t request = 0;     ///< the ATTACH that asked for it last; answers to others are stale
    std::set<std::string> groups;  ///< joined, to join again at a broker that forgot
};

/// A management call on its way.
struct Call {
    std::string json;
    bool answered = false;
    bool silent = false;  ///< nobody waits for the answer
    ErrorCode code = ErrorCode::ok;
    std::string answer;
};

class Session {
public:
    Session(std::uint64_t id, Introduction introduction);

    // --- The connection's life; called by the link. -------------------------------------------------------
    void connected(std::int64_t now_us, ClientOutbox& out);  ///< a fresh DEALER: says HELLO
    void disconnected(ClientOutbox& out);
    void frame(const wire::Slice& bytes, std::int64_t now_us, ClientOutbox& out);
    void published(const wire::Slice& bytes, std::int64_t now_us, ClientOutbox& out);
    std::int64_t tick(std::int64_t now_us, ClientOutbox& out);
    void bye(std::int64_t now_us, ClientOutbox& out);
    /// For good: says BYE behind what was sent; every node gets `closed`, and nothing is taken any more.
    void end(std::int64_t now_us, ClientOutbox& out);
    /// Before bye(): asks the broker whether it has all ACKs; parted() once it says so, or need not be asked.
    void part(std::int64_t now_us, ClientOutbox& out);
    bool said_bye() const { return parting_ == 0 || !online(); }

    bool online() const { return phase_ == Phase::online; }
    /// What somebody is told whose time is over before there is a receipt: timed_out, or why none has come.
    ErrorCode overdue() const {
        return overdue_ != ErrorCode::ok && outbound_.seen() == overdue_at_ ? overdue_ : ErrorCode::timed_out;
    }
    Handshake& handshake() { return handshake_; }
    const Handshake& handshake() const { return handshake_; }
    const std::string& broker_version() const { return broker_version_; }
    const std::vector<std::string>& publish_endpoints() const { return publish_endpoints_; }
    std::size_t max_message() const { return max_message_.load(std::memory_order_relaxed); }  ///< any thread
    std::string reply_name() const;

    // --- Nodes. --------------------------------------------------------------------------------------------
    /// Null when this session has a node of this name already that has not ended (one that is only sent as is shared).
    std::shared_ptr<Attachment> attach(const std::string& name, bool receives, bool take_over, std::size_t window,
                                       ClientOutbox& out);
    /// Before make(): ends the reader that this session has for the name (`taken_over`), so that another may take over.
    void replace(std::string_view name, std::int64_t now_us, ClientOutbox& out);
    void attach_many(const std::vector<std::shared_ptr<Attachment>>& nodes, ClientOutbox& out);
    std::shared_ptr<Attachment> make(const std::string& name, bool receives, bool take_over, std::size_t window);
    void detach(const std::shared_ptr<Attachment>& node, std::int64_t now_us, ClientOutbox& out);
    std::shared_ptr<Attachment> find(std::string_view name);
    template <class Visit>
    void for_each_node(Visit&& visit) {
        for (auto& [name, node] : nodes_) visit(*node);
    }

    // --- Management. ---------------------------------------------------------------------------------------
    std::uint32_t call(std::string json, bool silent, ClientOutbox& out);
    /// The call when it is answered, else null; the caller then drops it.
    Call* answered(std::uint32_t request);
    void drop(std::uint32_t request) { calls_.erase(request); }

    /// Somebody waits for receipts: asks the broker for what it would send a little later.
    void hurry(std::int64_t now_us, ClientOutbox& out);

    Outbound& outbound() { return outbound_; }
    Inbound& inbound() { return inbound_; }

private:
    enum class Phase { offline, greeting, online };

    /// A frame other than HELLO may leave: the broker knows what to make of it.
    bool may_speak() const { return phase_ == Phase::online || (phase_ == Phase::greeting && pipelined_); }
    void limits(const wire::Limits& m);
    void welcome(const wire::Welcome& m, std::int64_t now_us, ClientOutbox& out);
    void attached(const wire::Attached& m, ClientOutbox& out);
    void detached(const wire::Detached& m, ClientOutbox& out);
    void membership(const wire::Membership& m, ClientOutbox& out);
    void lose(Attachment& node, ErrorCode why, ClientOutbox& out);
    void error(const wire::ErrorReply& m, ClientOutbox& out);
    void refused(Handshake::Next next, ClientOutbox& out);
    void begin_anew(ErrorCode outcome, const char* why, ClientOutbox& out);
    void say_attach(ClientOutbox& out);
    void say_calls(ClientOutbox& out);
    void rejoin(const Attachment& node, const std::vector<wire::StreamInfo>& streams, ClientOutbox& out);
    void dispatch(const wire::Frame& frame, const wire::Slice& bytes, std::int64_t now_us, ClientOutbox& out);
    void receipt(std::string_view body, std::int64_t now_us, ClientOutbox& out);

    std::uint64_t id_;
    Handshake handshake_;
    Keepalive keepalive_;
    Phase phase_ = Phase::offline;
    bool pipelined_ = false;             // this connection's ATTACH and CASTs went out with its HELLO
    bool welcomed_ = false;              // by any connection of this session
    std::uint64_t epoch_ = 0;            // of the broker that is known to have heard us
    std::uint64_t next_epoch_ = 0;       // of the one that said WELCOME last
    std::uint64_t store_ = 0;            // of the broker that is known to have heard us
    std::uint64_t next_store_ = 0;       // of the one that said WELCOME last
    ErrorCode overdue_ = ErrorCode::ok;  // the broker's word on why receipts wait...
    std::uint64_t overdue_at_ = 0;       // ...after this one
    std::uint64_t parting_ = 0;          // token of the last PING; 0: no PONG is waited for
    std::int64_t online_us_ = 0;         // last word of a broker that we were online with
    std::uint32_t requests_ = 0;
    std::atomic<std::size_t> max_message_ = wire::kMaxMessage;
    std::size_t reader_window_ = wire::kReaderWindow;
    std::string broker_version_;
    std::vector<std::string> publish_endpoints_;

    std::map<std::string, std::shared_ptr<Attachment>, std::less<>> nodes_;
    std::map<std::uint32_t, Call> calls_;
    Outbound outbound_;
    Inbound inbound_;
};

}  // namespace cast::detail
