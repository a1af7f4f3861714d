// See transfer_assembly.hpp. Pure.
#include "src/transfer_assembly.hpp"

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

FileAssembly::Told& FileAssembly::told_entry(const std::string& correlation) {
    auto at = std::find_if(told_.begin(), told_.end(), [&](const Told& t) { return t.correlation == correlation; });
    if (at == told_.end()) {
        if (told_.size() == kTries) told_.erase(told_.begin());
        told_.push_back({correlation, found_});
    } else {
        std::rotate(at, at + 1, told_.end());
    }
    return told_.back();
}

bool FileAssembly::due(const std::string& correlation, std::uint64_t each) {
    Told& told = told_entry(correlation);
    if (held_ < told.held + each) return false;
    told.held = held_;
    return true;
}

bool FileAssembly::known_to(const std::string& correlation) const {
    return std::any_of(told_.begin(), told_.end(), [&](const Told& t) { return t.correlation == correlation; });
}

void FileAssembly::told(const std::string& correlation) { told_entry(correlation).held = held_; }

}  // namespace cast::detail
