// See save_files.hpp.
#include "nodectl/output/save_files.hpp"

#include <fmt/format.h>

#include "nodectl/output/output.hpp"

namespace nodectl {

int FileSaver::open(cast::Node& node, const std::string& folder) {
    auto receiver = cast::FileReceiver::open(node, folder);
    if (!receiver) {
        warn(receiver.error().detail);
        return kFailed;
    }
    receiver_.emplace(std::move(*receiver));
    folder_ = folder;
    while (folder_.size() > 1 && folder_.back() == '/') folder_.pop_back();
    return 0;
}

FileSaver::Taken FileSaver::take(const cast::Message& message) {
    const auto event = receiver_->take(message);
    switch (event.kind) {
        case cast::FileEvent::Kind::other: return Taken::other;
        case cast::FileEvent::Kind::part: bar_.show(event.name, event.held, event.size); return Taken::part;
        case cast::FileEvent::Kind::saved:
            bar_.clear();
            path_ = (folder_ == "/" ? "" : folder_) + "/" + event.name;
            return Taken::saved;
        case cast::FileEvent::Kind::failed: break;
    }
    bar_.clear();
    any_failed_ = true;
    warn(fmt::format("cannot save '{}' from '{}': {}", event.name, event.sender, event.error.text()));
    return Taken::failed;
}

}  // namespace nodectl
