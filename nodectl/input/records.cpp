// Reading records from a descriptor. Main thread.
#include "nodectl/input/records.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "nodectl/interrupt.hpp"

namespace nodectl {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

}  // namespace

RecordReader::RecordReader(int fd, std::optional<char> separator, std::size_t limit)
    : fd_(fd), separator_(separator), limit_(limit), buffer_(kChunk) {}

RecordReader::Next RecordReader::next(std::string_view& record) {
    while (!finished_) {
        const char* found = nullptr;
        if (separator_ && end_ > scanned_) {
            found = static_cast<const char*>(std::memchr(buffer_.data() + scanned_, *separator_, end_ - scanned_));
        }
        if (found != nullptr) {
            const auto at = static_cast<std::size_t>(found - buffer_.data());
            record = {buffer_.data() + begin_, at - begin_};
            begin_ = scanned_ = at + 1;
            ++number_;
            return record.size() > limit_ ? Next::too_long : Next::record;
        }
        scanned_ = end_;
        if (end_ - begin_ > limit_) {
            ++number_;
            return Next::too_long;
        }
        if (const Next got = fill(); got != Next::record) return got == Next::end ? last(record) : got;
    }
    return Next::end;
}

// At the end of the input: what follows the last separator is a record, if there is anything.
RecordReader::Next RecordReader::last(std::string_view& record) {
    finished_ = true;
    if (begin_ == end_ && separator_) return Next::end;
    record = {buffer_.data() + begin_, end_ - begin_};
    ++number_;
    return Next::record;
}

// Reads more, after moving the unfinished record to the front if the buffer's end is near.
RecordReader::Next RecordReader::fill() {
    if (begin_ == end_) begin_ = end_ = scanned_ = 0;
    if (buffer_.size() - end_ < kChunk / 2) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        scanned_ -= begin_;
        begin_ = 0;
        if (buffer_.size() - end_ < kChunk / 2) buffer_.resize(buffer_.size() * 2);
    }
    for (;;) {
        const ssize_t n = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
        if (n > 0) {
            end_ += static_cast<std::size_t>(n);
            return Next::record;
        }
        if (n == 0) return Next::end;
        if (errno != EINTR) return Next::failed;
        if (interrupted() != 0) return Next::interrupted;
    }
}

}  // namespace nodectl
