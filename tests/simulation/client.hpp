// Client: a program with a real Session: its link (connecting, carrying frames, subscriptions), its senders and its
// readers, who may be slow, detach, or vanish with it. Virtual time; all it does happens in wake().
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulation/network.hpp"
#include "simulation/oracle.hpp"
#include "src/session/session.hpp"

namespace sim {

class World;

/// A node that this program receives as.
struct NodeReader {
    std::shared_ptr<cast::detail::Attachment> node;
    ReaderRecord record;
    std::int64_t step_us = 0;  ///< a record takes this long to handle
    std::int64_t free_us = 0;  ///< when it is ready for the next one
    std::optional<cast::detail::Item> item;
    std::uint32_t index = 0;  ///< of the item's next record
    std::string_view left;    ///< its bytes from there on
};

class Client {
public:
    Client(World& world, int index, std::uint64_t session, std::int64_t start_us);

    std::int64_t due() const;
    void wake();
    bool alive() const { return session_ != nullptr; }
    int index() const { return index_; }

    void attach(const std::string& name, bool receives, bool take_over);
    void detach(const std::string& name);
    /// Its hidden node, for answers and presence events.
    void listen();
    std::string reply_name() const { return session_->reply_name(); }
    /// Sends what it has collected now.
    void push();
    /// Gives up waiting for an outcome.
    void forget();
    /// False when there is no room now.
    bool send(cast::detail::OutgoingRecord record, std::size_t size);
    void bye();
    void vanish();
    void stall(std::int64_t until_us) { stalled_us_ = until_us; }
    void hurry();  ///< its readers are fast from now on
    void cut(int how);
    void set_stalled(bool stalled) { stalled_ = stalled; }

    /// A PUB frame comes by.
    void published(std::uint64_t stream, std::string_view bytes);

    cast::detail::Session* session() { return session_.get(); }
    bool receives(const std::string& name) const;
    bool sends_as(const std::string& name) const;
    /// Why this client is not at rest; empty when it is.
    std::string unrest();
    void describe();
    std::vector<std::unique_ptr<NodeReader>>& readers() { return readers_; }

private:
    void connect();
    void lose();
    void receive();
    void take_frame(const std::string& bytes);
    void take_notices(const std::string& bytes);
    void carry_out();
    void read(NodeReader& reader);
    bool read_record(NodeReader& reader);
    void begin(NodeReader& reader);
    void finish(NodeReader& reader);
    void answer_watches();
    void tick();

    World& world_;
    int index_;
    std::unique_ptr<cast::detail::Session> session_;
    bool old_;  // it speaks version 1
    cast::detail::ClientOutbox out_;
    std::shared_ptr<Wire> wire_;
    Pipe publications_;
    std::map<std::uint64_t, std::int64_t> subscriptions_;  // stream -> from when on
    std::vector<std::unique_ptr<NodeReader>> readers_;     // none is forgotten: the oracle remembers them all
    std::map<std::uint64_t, std::uint32_t> tokens_;        // watch -> message
    std::uint64_t next_token_ = 1;
    std::int64_t tick_us_ = 0;
    std::int64_t reconnect_us_ = 0;
    std::int64_t stalled_us_ = 0;
    bool stalled_ = false;
    bool heard_ = false;  // by a broker that knows its session
};

}  // namespace sim
