// EndpointsFile: the file into which the broker writes the ends it got, for scripts (--endpoints-file). It replaces a
// regular file only, writes through no link, and takes away what it wrote itself. Main thread.
#pragma once
#include <string>

namespace broker {

class EndpointsFile {
public:
    /// Empty: there is none. Throws std::runtime_error with a sentence when something stands there that is not
    /// replaced.
    explicit EndpointsFile(std::string path);
    /// Removes the file, unless somebody else has put another in its place.
    ~EndpointsFile();
    EndpointsFile(const EndpointsFile&) = delete;
    EndpointsFile& operator=(const EndpointsFile&) = delete;

    /// At once: nobody reads half of it. Throws std::runtime_error with a sentence.
    void write(const std::string& text);

private:
    void check_place() const;

    std::string path_;
    int fd_ = -1;  // of what was written: while it is open, no other file gets its number
};

}  // namespace broker
