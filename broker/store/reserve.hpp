// Reserve: a file of nothing beside the database, so that a broker that starts on a full disk has room to begin, and to
// let go of what it stores. Main's thread at a start, then the writer's.
#pragma once
#include <cstddef>
#include <string>

namespace broker {

class Reserve {
public:
    /// As much as the log that small transactions stay within, for that is what the database may have to grow by.
    static constexpr std::size_t kBytes = 8u << 20;

    explicit Reserve(const std::string& directory) : path_(directory + "/reserve") {}
    /// It is there, or there was room for it and as much again.
    bool make() const;
    /// Leaves an empty file. False when there was none.
    bool give_up() const;
    /// The empty file is there.
    bool given_up() const;

private:
    std::string path_;
};

}  // namespace broker
