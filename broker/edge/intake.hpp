// Intake: what every connection of the ends has sent, counted as libzmq reads it, and who is hung up on for it. One for
// the process. libzmq's threads call it through replaced/, the broker's thread through ZmqEdge, the guard for what time
// does. It knows bytes and descriptors, nothing of frames.
//
// A connection of the ROUTER end is a stranger until the core has taken its HELLO, then a client. One of the PUB end
// says no HELLO and stays a subscriber. close() comes here before the system closes the descriptor: so under the lock
// the descriptor of an account belongs to its connection.
#pragma once
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <unordered_map>
#include <vector>

namespace broker {

/// What connections of both ends may cost (README, "Limits").
struct IntakeLimits {
    std::size_t strangers = 256;          ///< beyond it the oldest goes
    std::int64_t crowd_us = 1'000'000;    ///< but not before it has had this time: meanwhile no other one is accepted
    std::int64_t silence_us = 5'000'000;  ///< in which a stranger has to say HELLO
    std::uint64_t always = 64u << 10;     ///< bytes that a connection may send whatever the others have sent
    std::uint64_t of_stranger = 512u << 10;    ///< that one may send before its HELLO
    std::uint64_t of_strangers = 2u << 20;     ///< and all of them together
    std::uint64_t of_subscriber = 512u << 10;  ///< of subscriptions, ever; libcast then makes its SUB anew
    std::uint64_t of_subscribers = 4u << 20;   ///< and of all that are connected
    std::uint64_t of_client = 32u << 20;       ///< sent and not yet taken by the broker
    std::uint32_t parts = 256;                 ///< of one message
    std::size_t of_address = 5000;             ///< connections of one address, for each end; loopback has no limit
    std::uint64_t pinned = 8u << 20;           ///< published and not taken: from here on who takes nothing is cut
    std::uint64_t pinned_most = 32u << 20;     ///< and beyond it nothing is published: readers fetch
};

/// Why connections were cut, or not let in; as `stats` names them.
enum class Cut : std::uint8_t { silent, crowded, flooded, given_up, stuck, address, subscribers };
inline constexpr std::array<const char*, 7> kCutNames = {"silent", "crowded", "flooded",    "given_up",
                                                         "stuck",  "address", "subscribers"};

struct IntakeCounts {
    std::size_t strangers = 0, clients = 0, subscribers = 0;
    std::uint64_t stranger_bytes = 0, subscriber_bytes = 0, pinned_bytes = 0;
    std::array<std::uint64_t, kCutNames.size()> cut{};
};

class Intake {
public:
    enum class Kind : std::uint8_t { none, router_endpoint, pub_endpoint, stranger, client, subscriber };

    static Intake& instance();
    void set_limits(const IntakeLimits& limits);
    IntakeCounts counts();

    // --- libzmq's threads, through replaced/ ---------------------------------------------------------------------
    /// A socket listens: it is an end if this thread binds one (Binding).
    void listening(int fd);
    /// No connection is to be accepted now: there are many strangers, all of them new. They may be clients of a broker
    /// that was started again, which takes their HELLOs in a moment.
    bool full(int listener);
    /// A connection of an end. False: it is not let in.
    bool accepted(int listener, int fd);
    /// So many bytes were read. False: it has sent too much, and is at its end.
    bool received(int fd, std::uint64_t bytes);
    /// A part of a message was taken from what `fd` sent. False: the message has too many.
    bool part(int fd, bool more);
    void closing(int fd);

    // --- The broker's thread ------------------------------------------------------------------------------------
    /// The core has taken a HELLO of `peer` that came over this descriptor.
    void greeted(int fd, std::uint64_t peer);
    /// The core has taken so many bytes of its frames.
    void taken(int fd, std::uint64_t peer, std::uint64_t bytes);
    /// The core knows it no more. `cut`: hang up; else it may say HELLO again, in a stranger's time.
    void disconnected(int fd, std::uint64_t peer, bool cut);
    /// Whether a subscriber may have this topic; asked on the broker's thread, on which libzmq keeps them.
    void set_topics(std::function<bool(std::uint64_t)> topics) { topics_ = std::move(topics); }
    bool admits_topic(const unsigned char* topic, std::size_t size) const;
    /// So much is about to be published. False: too much waits for subscribers, and this one is not to go to them.
    bool pin(std::uint64_t bytes);
    /// All of them have taken it, or are gone. Any thread.
    void unpin(std::uint64_t bytes) { pinned_ -= bytes; }

    // --- The guard's thread -------------------------------------------------------------------------------------
    /// Hangs up on strangers whose time is over. Returns when the next one's is; -1: there is none.
    std::int64_t expire(std::int64_t now_us);
    /// Hangs up on subscribers that take nothing while much waits for them. Returns whether to look again soon.
    bool unstick();
    /// Waits until there is something to do for it, or as long (-1: for ever).
    void wait(const std::stop_token& stop, std::int64_t timeout_us);

    /// While it lives, sockets that this thread makes listen are ends of this kind.
    struct Binding {
        explicit Binding(Kind kind);
        ~Binding();
    };

private:
    struct Account {
        std::atomic<bool> ours{false};  ///< an end's, or one of its connections': from listening or accepted to closing
        std::atomic<Kind> kind{Kind::none};
        std::atomic<std::uint64_t> received{0};  ///< of a client only its I/O thread writes it
        std::atomic<std::uint64_t> taken{0};
        std::atomic<std::uint64_t> peer{0};  ///< of a client: the core's number for it
        std::uint64_t address = 0;           ///< 0: none, or not limited
        std::int64_t since_us = 0;
        std::list<int>::iterator place;  ///< among the strangers or subscribers
        std::uint64_t progress = 0;      ///< what a subscriber had taken at the last look
        std::uint32_t parts = 0;         ///< of the message that comes; only its I/O thread
        std::atomic<bool> cut{false};
    };
    static constexpr std::size_t kChunk = 1024, kChunks = 1024;
    using Chunk = std::array<Account, kChunk>;

    Intake() = default;
    Account* account(int fd) const;
    Account* new_account(int fd);
    void hang_up(int fd, Account& account, Cut why);
    void leave(Account& account);
    void become_stranger(int fd, Account& account);
    bool take_in(int fd, Account& account, std::uint64_t bytes);

    IntakeLimits limits_;
    std::atomic<std::uint64_t> of_client_{IntakeLimits{}.of_client};  ///< of limits_; read without the lock
    std::function<bool(std::uint64_t)> topics_;
    std::array<std::atomic<Chunk*>, kChunks> accounts_{};  ///< by descriptor
    std::mutex mutex_;
    std::condition_variable_any woken_;
    bool wake_ = false;
    std::atomic<bool> watched_{false};        ///< the guard looks at subscribers already
    std::list<int> strangers_, subscribers_;  ///< oldest first
    std::unordered_map<std::uint64_t, std::size_t> addresses_;
    std::size_t clients_ = 0;
    std::uint64_t stranger_bytes_ = 0, subscriber_bytes_ = 0;
    std::atomic<std::uint64_t> pinned_{0};
    std::array<std::uint64_t, kCutNames.size()> cut_{};
};

/// The address of who is at the other side, as it is counted: an IPv4 address, or a /64 of IPv6. 0: this machine.
std::uint64_t counted_address(const void* socket_address);

}  // namespace broker
