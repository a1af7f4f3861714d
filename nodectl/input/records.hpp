// Cuts an input into records: lines, NUL-separated pieces, or the whole. Reads in large chunks, never waits for more
// than it needs, and keeps what follows the last separator. Main thread.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nodectl {

class RecordReader {
public:
    enum class Next {
        record,
        end,
        too_long,     ///< longer than the limit
        failed,       ///< read(2) failed; errno says why
        interrupted,  ///< a signal came
    };

    /// Without a separator the whole input is one record, even when it is empty.
    RecordReader(int fd, std::optional<char> separator, std::size_t limit);

    /// The next record, without its separator; the view lives until the next call.
    Next next(std::string_view& record);
    /// How many records next() has given out.
    std::size_t number() const { return number_; }

private:
    Next fill();
    Next last(std::string_view& record);

    int fd_;
    std::optional<char> separator_;
    std::size_t limit_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;  // what is not given out yet: [begin_, end_)
    std::size_t end_ = 0;
    std::size_t scanned_ = 0;  // no separator before this
    std::size_t number_ = 0;
    bool finished_ = false;
};

}  // namespace nodectl
