// Dialer: which end to dial next, as libzmq is to be given it: a number or a path, never a name, which libzmq would
// look up on the one thread that moves the bytes of every connection. A name is looked up again for each round of
// attempts, and its numbers are tried in turn. Under the link's lock; the descriptor is polled without it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/address.hpp"
#include "src/lookup.hpp"

namespace cast::detail {

class Dialer {
public:
    explicit Dialer(Address address) : address_(std::move(address)) {}

    const Address& address() const { return address_; }
    /// The end to dial now. Nothing: the name is being looked up (looking()), or has no number (trouble()).
    std::optional<std::string> next(std::int64_t now_us);
    /// Ends of this round are left: the next one need not be waited for.
    bool more() const { return at_ < ends_.size(); }
    /// The end dialled last was the right one: the next round begins with a look-up.
    void reached() { at_ = ends_.size(); }
    /// next() is to be asked again when descriptor() is readable, and at due_us().
    bool looking() const { return lookup_ != nullptr; }
    int descriptor() const { return lookup_->descriptor(); }
    std::int64_t due_us() const;
    /// Why there is no end to dial; or empty.
    std::string trouble() const;

private:
    Address address_;
    std::shared_ptr<Lookup> lookup_;
    std::int64_t since_us_ = 0;      // of the look-up
    std::vector<std::string> ends_;  // of this round; later those known from the last one
    std::size_t at_ = 0;             // the next of them
    std::string trouble_;
};

}  // namespace cast::detail
