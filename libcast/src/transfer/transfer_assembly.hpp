// FileAssembly: the books of one file that is being received: how much of its front is here, what a chunk adds to it,
// when its senders want to hear how far it is. Pure: it touches no file.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cast::detail {

class FileAssembly {
public:
    /// `found`: bytes of an earlier try.
    explicit FileAssembly(std::uint64_t found = 0) : held_(found), found_(found) {}

    enum class Act {
        append,   ///< write `bytes` at held(), then call appended()
        nothing,  ///< they are here already, or will be sent again
        back,     ///< something is missing before them: ask for it
    };
    struct Step {
        Act act = Act::nothing;
        std::string_view bytes;
    };
    /// What to do with a chunk. `again`: it is marked redelivered.
    Step chunk(std::uint64_t offset, std::string_view bytes, bool last, bool again);
    void appended(std::size_t bytes);

    std::uint64_t held() const { return held_; }
    /// Some of it was here before this object was made.
    bool resumed() const { return found_ > 0; }

    /// Whether the sender of this try wants to hear held() now; it counts as told then.
    bool due(const std::string& correlation, std::uint64_t each);
    /// It has been told something.
    bool known_to(const std::string& correlation) const;
    /// It was told just now.
    void mark_reported(const std::string& correlation);

private:
    struct Reported {
        std::string correlation;
        std::uint64_t held = 0;
    };
    Reported& reported_entry(const std::string& correlation);
    static constexpr std::size_t kTries = 4;  // senders of one file at the same time that are told of

    std::uint64_t held_;
    std::uint64_t found_;
    bool began_ = false;                // a chunk was appended or here already
    std::optional<std::uint64_t> gap_;  // where the last dropped chunk ended
    std::vector<Reported> reported_;    // the one heard of last at the end
};

}  // namespace cast::detail
