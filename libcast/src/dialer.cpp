// Rounds of attempts. See dialer.hpp.
#include "src/dialer.hpp"

#include "src/session_time.hpp"

namespace cast::detail {
namespace {

constexpr std::int64_t kPatience = 200 * kMillisecond;  // then what was found the last time is tried meanwhile

}  // namespace

std::optional<std::string> Dialer::next(std::int64_t now_us) {
    if (more()) return ends_[at_++];
    if (lookup_ == nullptr) {
        at_ = 0;
        if (auto known = address_.known(); !known.empty()) {
            ends_ = std::move(known);
            return ends_[at_++];
        }
        lookup_ = Lookup::begin(address_.host);
        since_us_ = now_us;
    }
    if (lookup_->done()) {
        const auto lookup = std::move(lookup_);
        trouble_ = lookup->trouble();
        if (!lookup->numbers().empty()) ends_.clear();
        for (const std::string& number : lookup->numbers()) ends_.push_back(address_.at(number));
    } else if (ends_.empty() || now_us < since_us_ + kPatience) {
        at_ = ends_.size();
        return std::nullopt;
    }
    at_ = 0;
    if (ends_.empty()) return std::nullopt;
    return ends_[at_++];
}

std::int64_t Dialer::due_us() const { return ends_.empty() ? kForever : since_us_ + kPatience; }

std::string Dialer::trouble() const {
    if (lookup_ != nullptr && ends_.empty()) return "the name " + address_.host + " is still being looked up";
    if (!trouble_.empty()) return "the name " + address_.host + " has no address: " + trouble_;
    return {};
}

}  // namespace cast::detail
