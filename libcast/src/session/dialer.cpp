// Rounds of attempts. See dialer.hpp.
#include "src/session/dialer.hpp"

#include <algorithm>

#include "src/session/session_time.hpp"

namespace cast::detail {
namespace {

constexpr std::int64_t kPatience = 200 * kMillisecond;  // then what was found the last time is tried meanwhile

constexpr std::int64_t kOne = 2000 * kMillisecond;  // for the answer of the only one there is
constexpr std::int64_t kMany = 500 * kMillisecond;  // of one of several, doubling with each round...
constexpr int kDoubles = 3;                         // ...so often

}  // namespace

Result<Dialer> Dialer::parse(std::string urls) {
    auto addresses = Address::parse_list(urls);
    if (!addresses) return addresses.error();
    return Dialer(std::move(*addresses), std::move(urls));
}

Dialer::Dialer(std::vector<Address> addresses, std::string urls) : urls_(std::move(urls)) {
    for (Address& address : addresses) targets_.push_back({std::move(address), {}, nullptr});
}

void Dialer::turn_to_next() {
    if (hinted_) {
        hinted_ = false;
        return;
    }
    hint_.reset();
    followed_ = false;
    if (!begun_ || left_ == 0) {
        if (begun_) index_ = (index_ + 1) % targets_.size();
        if (begun_) ++rounds_;
        begun_ = true;
        left_ = targets_.size() - 1;
    } else {
        index_ = (index_ + 1) % targets_.size();
        --left_;
    }
}

std::optional<std::string> Dialer::next(std::int64_t now_us) {
    if (again_) {
        again_ = false;
        return dialled_;
    }
    if (at_ < current().endpoints.size() && !hinted_) return dial();
    if (!resolving_) {
        turn_to_next();
        at_ = 0;
        if (auto known = current().address.known(); !known.empty()) {
            current().endpoints = std::move(known);
            return dial();
        }
        if (current().lookup == nullptr) current().lookup = Lookup::begin(current().address.host);
        since_us_ = now_us;
    }
    return resolve(now_us);
}

/// The current address is a name.
std::optional<std::string> Dialer::resolve(std::int64_t now_us) {
    Target& target = current();
    const bool done = target.lookup->done();
    resolving_ = !done;
    if (done) {
        const auto lookup = std::move(target.lookup);
        trouble_ = lookup->trouble();
        if (!lookup->numbers().empty()) target.endpoints.clear();
        for (const std::string& number : lookup->numbers()) target.endpoints.push_back(target.address.at(number));
    } else if (now_us < since_us_ + kPatience || (target.endpoints.empty() && !several())) {
        at_ = target.endpoints.size();
        return std::nullopt;
    } else if (target.endpoints.empty()) {  // meanwhile the next address is tried
        resolving_ = false;
        trouble_ = "its name server does not answer";
    }
    at_ = 0;
    if (target.endpoints.empty()) return std::nullopt;
    return dial();
}

void Dialer::reached() {
    if (hint_ && !hinted_)
        for (std::size_t i = 0; i < targets_.size(); ++i)
            if (targets_[i].address.url == hint_->address.url) index_ = i;
    at_ = current().endpoints.size();
    followed_ = false;
    rounds_ = 0;
    begun_ = false;
    left_ = 0;
}

bool Dialer::follow(std::string_view url) {
    auto address = Address::parse(url);
    if (followed_ || !address) return false;
    followed_ = true;
    hint_.emplace(Target{std::move(*address), {}, nullptr});
    resolving_ = false;
    hinted_ = true;
    return true;
}

std::int64_t Dialer::patience_us() const { return several() ? kMany << std::min(rounds_, kDoubles) : kOne; }

std::int64_t Dialer::due_us() const {
    return current().endpoints.empty() && !several() ? kForever : since_us_ + kPatience;
}

std::string Dialer::trouble() const {
    if (resolving_ && current().endpoints.empty())
        return "the name " + current().address.host + " is still being looked up";
    if (!trouble_.empty()) return "the name " + current().address.host + " has no address: " + trouble_;
    return {};
}

}  // namespace cast::detail
