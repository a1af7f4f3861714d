// FileSender::State: a file on its way: what was taken from the program and not sent, what can be sent again, the
// receivers, the parcels without an outcome. On the thread that calls it; the link's lock where a Lock is passed.
#pragma once
#include <cast/transfer.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/sha256.hpp"
#include "src/node/message_access.hpp"
#include "src/node/node_state.hpp"
#include "src/transfer/transfer_folder.hpp"
#include "src/transfer/transfer_window.hpp"

namespace cast {

struct FileSender::State {
    State(const Node& node, const Message& to, FileOptions given);
    ~State();
    State(const State&) = delete;

    /// Reply node, offer, the wait for what receivers have.
    Result<void> begin();
    /// Takes what may go now.
    Result<std::size_t> take(std::string_view bytes);
    /// Sends the last chunk, then sees to the rest. Nothing: not yet.
    Result<std::optional<FileReport>> end();
    /// Waits until something has moved, at most some milliseconds.
    Result<void> wait();
    FileProgress progress() const;

    FileOptions options;
    /// send_file's: what is no longer kept is read from here.
    detail::Descriptor source;

private:
    struct Target {
        wire::Cast cast = wire::Cast::unicast;
        std::string name;         // empty for broadcast
        std::uint64_t start = 0;  // it has what is below
        Error error{ErrorCode::ok, {}};
        // The message that asks for the first report: an offer, or the only chunk. Of a unicast the broker tells when
        // its reader has acknowledged it: what that reports is here by then.
        std::int64_t asked_us = 0;    // when the broker had it
        std::uint64_t asking = 0;     // unicast: its watch, until it is acknowledged
        std::int64_t checked_us = 0;  // when we last looked whether somebody is there to answer
        bool there = true;
    };
    struct Awaited {
        std::uint64_t token = 0;
        std::size_t bytes = 0;
        wire::Cast cast = wire::Cast::unicast;
        std::string target;
        bool asks = false;  // for the first report
    };
    struct Piece {
        std::uint64_t offset = 0;
        std::shared_ptr<const std::string> bytes;
    };

    detail::FilePlace place() const;
    bool pump();
    bool digest(detail::Lock& lock);
    void see_outcomes(detail::Lock& lock);
    void attend();
    bool repair(const std::string& name, detail::FileTaker& taker);
    void failed(wire::Cast cast, const std::string& target, const Error& error);
    bool allowed();
    bool room(detail::Lock& lock, wire::Cast cast, const std::string& target) const;
    bool send_piece(bool last);
    void send_to_all(const detail::FileHead& head, std::string_view bytes);
    void send(wire::Cast cast, const std::string& target, const detail::FileHead& head, std::string_view bytes,
              bool asks = false);
    Target* target_of(const Awaited& w);
    void see_outcome(const Awaited& w, ErrorCode code);
    void see_acknowledgements(detail::Lock& lock);
    bool may_answer(Target& target);
    bool anybody_there(Target& target);
    void keep(Piece piece);
    Result<std::string> again(std::uint64_t offset) const;
    detail::FileHead head() const;
    Result<void> find_starts();
    Result<void> all_failed() const;
    bool complete();
    FileReport report() const;

    // NOLINTBEGIN(readability-identifier-naming): a State's members are plain, whoever may use them
    std::weak_ptr<Node::State> node;
    Connection connection;
    std::shared_ptr<detail::Link> link;
    std::string sender;
    MessageAccess::Draft envelope;
    std::vector<Target> targets;
    std::size_t chunk = detail::kFileChunk;
    std::string transfer, correlation, report_to;

    detail::FileWindow window;
    base::Sha256 hash;
    std::string sha256;   // once ended
    std::string pending;  // taken, not sent: less than a chunk, or one that may be the last
    std::uint64_t position = 0;
    bool ended = false;
    bool asked = false;  // the message that asks for the first report was sent
    std::deque<Piece> kept;
    std::deque<Awaited> awaited;
    std::size_t awaited_bytes = 0;
    std::uint64_t moves = 0;  // counts what moves, for wait()
    std::int64_t moved_us = 0;
    // NOLINTEND(readability-identifier-naming)
};

}  // namespace cast
