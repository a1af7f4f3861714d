// The key and the troubles of the page's server. Any thread. See page_link.hpp.
#include "server/page_link.hpp"

#include <utility>

#include "base/random_id.hpp"

namespace broker {

PageLink::PageLink(bool serves) : serves_(serves), key_(cast::base::random_digits(32)) {}

bool PageLink::is_key(std::string_view shown) const {
    unsigned different = shown.size() == key_.size() ? 0 : 1;
    for (std::size_t i = 0; i < key_.size() && i < shown.size(); ++i)
        different |= static_cast<unsigned char>(key_[i] ^ shown[i]);
    return different == 0;
}

void PageLink::set_troubles(std::vector<std::string> sentences) {
    const std::lock_guard lock(mutex_);
    troubles_ = std::move(sentences);
}

std::vector<std::string> PageLink::troubles() const {
    const std::lock_guard lock(mutex_);
    return troubles_;
}

}  // namespace broker
