// Address: where a broker is, tcp://HOST:PORT or ipc://PATH, checked before anything is dialled. Pure: it knows a
// number from a name, and looks no name up (lookup.hpp).
#pragma once
#include <cast/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace cast::detail {

struct Address {
    std::string url;   ///< as it was given
    std::string host;  ///< tcp: a name, or a number without its brackets; else empty
    std::string port;  ///< tcp: 1 to 65535

    /// Error: invalid_argument, with a sentence that says what is wrong.
    static Result<Address> parse(std::string_view url);
    /// Several, with commas between them; each as above.
    static Result<std::vector<Address>> parse_list(std::string_view urls);
    bool tcp() const { return !host.empty(); }
    /// What may be dialled without looking a name up, if that is so: the path, the number, both of localhost's.
    std::vector<std::string> known() const;
    /// The end of its port at this number.
    std::string at(std::string_view number) const;
};

/// Which of a broker's PUB ends to subscribe at: the one over the same transport as the end that was dialled, or the
/// first. "*" and the like stand for every interface: then it is the host that was dialled. Empty: there is none.
std::string publish_endpoint(const std::vector<std::string>& endpoints, const std::string& dialled);

}  // namespace cast::detail
