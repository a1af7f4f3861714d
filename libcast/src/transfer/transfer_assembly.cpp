// See transfer_assembly.hpp. Pure.
#include "src/transfer/transfer_assembly.hpp"

#include <algorithm>

namespace cast::detail {

FileAssembly::Step FileAssembly::chunk(std::uint64_t offset, std::string_view bytes, bool last, bool again) {
    if (offset <= held_) {
        began_ = true;
        const std::uint64_t known = held_ - offset;
        if (known >= bytes.size()) return {};
        bytes.remove_prefix(static_cast<std::size_t>(known));
        return {Act::append, bytes};
    }
    // Chunks that follow each other are one gap; and what comes again in the middle of a file that is not here may
    // belong to one that was saved before: the last chunk tells.
    const bool follows = gap_ == offset;
    const bool saved_perhaps = again && !began_ && held_ == 0;
    gap_ = offset + bytes.size();
    return {last || (!follows && !saved_perhaps) ? Act::back : Act::nothing, {}};
}

void FileAssembly::appended(std::size_t bytes) { held_ += bytes; }

FileAssembly::Reported& FileAssembly::reported_entry(const std::string& correlation) {
    auto at = std::find_if(reported_.begin(), reported_.end(),
                           [&](const Reported& t) { return t.correlation == correlation; });
    if (at == reported_.end()) {
        if (reported_.size() == kTries) reported_.erase(reported_.begin());
        reported_.push_back({correlation, found_});
    } else {
        std::rotate(at, at + 1, reported_.end());
    }
    return reported_.back();
}

bool FileAssembly::due(const std::string& correlation, std::uint64_t each) {
    Reported& mark_reported = reported_entry(correlation);
    if (held_ < mark_reported.held + each) return false;
    mark_reported.held = held_;
    return true;
}

bool FileAssembly::known_to(const std::string& correlation) const {
    return std::any_of(reported_.begin(), reported_.end(),
                       [&](const Reported& t) { return t.correlation == correlation; });
}

void FileAssembly::mark_reported(const std::string& correlation) { reported_entry(correlation).held = held_; }

}  // namespace cast::detail
