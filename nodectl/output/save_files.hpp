// nodectl recv --save-files: received files land in a folder. Main thread.
#pragma once
#include <cast/transfer.hpp>

#include <optional>
#include <string>

#include "nodectl/output/progress.hpp"

namespace nodectl {

class FileSaver {
public:
    /// 0 or an exit code.
    int open(cast::Node& node, const std::string& folder);

    enum class Taken {
        other,   ///< no part of a file
        part,    ///< some of a file
        saved,   ///< path() is the file
        failed,  ///< told on stderr
    };
    Taken take(const cast::Message& message);
    const std::string& path() const { return path_; }
    bool any_failed() const { return any_failed_; }
    /// Before something else is written.
    void clear_progress() { bar_.clear(); }

private:
    std::optional<cast::FileReceiver> receiver_;
    std::string folder_, path_;
    ProgressBar bar_;
    bool any_failed_ = false;
};

}  // namespace nodectl
