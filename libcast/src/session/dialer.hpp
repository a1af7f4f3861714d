// Dialer: which end to dial next, as libzmq is to be given it: a number or a path, never a name, which libzmq would
// look up on the one thread that moves the bytes of every connection. A round of attempts tries all addresses, and all
// numbers of each, in turn; a name is looked up again in each round. Under the link's lock; the descriptor is polled
// without it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/session/address.hpp"
#include "src/session/lookup.hpp"

namespace cast::detail {

class Dialer {
public:
    explicit Dialer(std::vector<Address> addresses, std::string urls = {});
    /// Addresses with commas between them. Error: as of Address::parse.
    static Result<Dialer> parse(std::string urls);

    /// As they were given.
    const std::string& urls() const { return urls_; }

    /// The one of the end dialled last, or that is being looked up.
    const Address& address() const { return current().address; }
    bool several() const { return targets_.size() > 1; }
    /// The end to dial now. Nothing: the name is being looked up (looking()), or has no number (trouble()).
    std::optional<std::string> next(std::int64_t now_us);
    /// Ends of this round are left: the next one need not be waited for.
    bool more() const { return at_ < current().endpoints.size() || left_ > 0; }
    /// The end dialled last was the right one: the next round begins at its address.
    void reached();
    /// A connection is lost. `again`: the next end is the one dialled last. Else `leader`, if somebody named one
    /// (follow()). True: it need not be waited for.
    bool at_once(bool again, std::string_view leader) {
        again_ = again && !dialled_.empty();
        return again_ || follow(leader);
    }
    /// Somebody dialled says that the right one is there: it is next, once. Not when he himself was named like that, so
    /// that two that name each other are not followed for ever. False: it is not followed.
    bool follow(std::string_view url);
    /// How long the one dialled gets for its answer, where another one may answer: longer with each round in vain.
    std::int64_t patience_us() const;
    /// next() is to be asked again when descriptor() is readable, and at due_us().
    bool resolving() const { return resolving_; }
    int descriptor() const { return current().lookup->descriptor(); }
    std::int64_t due_us() const;
    /// Why there is no end to dial; or empty.
    std::string trouble() const;

private:
    struct Target {
        Address address;
        std::vector<std::string> endpoints;  // of this round; between rounds those known from the last one
        std::shared_ptr<Lookup> lookup;      // under way, also while other addresses are tried
    };
    Target& current() { return hint_ ? *hint_ : targets_[index_]; }
    const Target& current() const { return hint_ ? *hint_ : targets_[index_]; }
    void turn_to_next();
    std::optional<std::string> resolve(std::int64_t now_us);
    std::optional<std::string> dial() { return dialled_ = current().endpoints[at_++]; }

    std::string urls_;
    std::vector<Target> targets_;
    std::size_t index_ = 0;       // of the address that is tried
    std::size_t left_ = 0;        // addresses of this round behind it
    std::size_t at_ = 0;          // the next of its ends
    int rounds_ = 0;              // in vain
    bool begun_ = false;          // a round: else the next one begins at index_
    std::optional<Target> hint_;  // tried in the place of the list's
    bool hinted_ = false;         // that one is next, and was not tried yet
    bool followed_ = false;       // since an end of the list was tried, or was right
    bool again_ = false;
    std::string dialled_;
    bool resolving_ = false;     // the current address waits for its look-up
    std::int64_t since_us_ = 0;  // since when
    std::string trouble_;
};

}  // namespace cast::detail
