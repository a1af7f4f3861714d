// FileWindow: the sender's books of its receivers: how far each is, who lacks something and from where, who is given
// up; and so how far the sender may go ahead. Pure: time and positions come from outside.
#pragma once
#include <cast/result.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/transfer/transfer_words.hpp"

namespace cast::detail {

/// One receiver that has reported.
struct FileTaker {
    enum class State {
        taking,   ///< reads what is sent to all
        behind,   ///< gets what it lacks by itself; the others wait
        overdue,  ///< lacks so much that it gets it at the end
        saved,
        failed,
    };
    State state = State::taking;
    std::uint64_t held = 0;       ///< it has everything below
    std::uint64_t repair = 0;     ///< behind: the next byte to send to it
    std::uint64_t repair_to = 0;  ///< behind: until here
    bool repaired = false;        ///< behind: all of that is sent
    std::string saved_as;
    Error error{ErrorCode::ok, {}};

    bool over() const { return state == State::saved || state == State::failed; }

    std::int64_t moved_us = 0;              // when it was last heard to get on, or owed nothing
    std::int64_t gone_us = 0;               // since when the broker does not know it; 0: it does
    std::int64_t asked_us = 0;              // when it was last asked how far it is
    std::optional<std::uint64_t> answered;  // what it said then
    bool asked = false;
    bool ask_now = false;  // behind: everything was sent, its answer shows whether that arrived
    int backs = 0;         // times that it wanted back without getting on
};

/// Where the sender stands.
struct FilePlace {
    std::uint64_t position = 0;   ///< everything below was sent to all
    std::uint64_t kept_from = 0;  ///< everything from here on can be sent again at once
    bool reread = false;          ///< and everything else at the end
    bool ended = false;           ///< the last chunk was sent
};

class FileWindow {
public:
    /// Takes a report in.
    void heard(std::string_view node, const FileWord& word, const FilePlace& place, std::int64_t now_us);
    /// Gives up who owes an answer for longer than `patience_us`. True if there was one.
    bool give_up(const FilePlace& place, std::int64_t now_us, std::int64_t patience_us);
    /// Who has not got on for a second although it should, and is to be asked how far it is; it counts as asked then.
    std::vector<std::string> to_ask(const FilePlace& place, std::int64_t now_us);
    /// At the end: those that come late get what they lack now.
    void take_up_overdue(const FilePlace& place, std::int64_t now_us);
    void fail(std::string_view node, Error error);
    /// The broker does not know this node just now. True: it has reported before, so it gets some seconds to come back
    /// (a broker that was started anew learns of it only then).
    bool gone(std::string_view node, std::int64_t now_us);

    /// Whether the sender may go on to `end`.
    bool may_go(std::uint64_t end) const;
    /// How far the slowest receiver is that is neither late nor over; `otherwise` if there is none.
    std::uint64_t floor(std::uint64_t otherwise) const;
    bool anybody_behind() const;
    /// All that have reported have saved it or failed.
    bool all_over() const;
    std::size_t saved() const;

    const FileTaker* find(std::string_view node) const;
    std::map<std::string, FileTaker, std::less<>>& takers() { return takers_; }
    const std::map<std::string, FileTaker, std::less<>>& takers() const { return takers_; }

private:
    void back(FileTaker& taker, std::uint64_t offset, const FilePlace& place, std::int64_t now_us);
    static constexpr std::size_t kTakers = 200000;
    std::map<std::string, FileTaker, std::less<>> takers_;
};

}  // namespace cast::detail
