// JSON that came from outside. Writing and walking a value recurse once a level, so a text of nothing but brackets
// would end the process: what nests deeper than kDeepest is no JSON here. A value takes up to a hundred bytes where its
// text has two, so from strangers what has more than kMostValues is none either. Pure; any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace broker {

inline constexpr std::size_t kMostValues = 250'000;  // with the names of members
inline constexpr int kDeepest = 512;  // levels of objects and arrays; a level takes a few hundred bytes of stack

/// Counts the values of a text and its levels, and keeps nothing; ends the reading of what has too many.
class JsonBounds {
public:
    explicit JsonBounds(std::size_t most) : left_(most) {}
    bool null() { return value(); }
    bool boolean(bool) { return value(); }
    bool number_integer(std::int64_t) { return value(); }
    bool number_unsigned(std::uint64_t) { return value(); }
    bool number_float(double, const std::string&) { return value(); }
    bool string(std::string&) { return value(); }
    bool binary(nlohmann::json::binary_t&) { return value(); }
    bool key(std::string&) { return value(); }
    bool start_object(std::size_t) { return value() && ++depth_ <= kDeepest; }
    bool start_array(std::size_t) { return value() && ++depth_ <= kDeepest; }
    bool end_object() { return --depth_ >= 0; }
    bool end_array() { return --depth_ >= 0; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) { return false; }

private:
    bool value() { return left_-- > 0; }
    std::size_t left_;
    int depth_ = 0;
};

/// The value of a text; discarded when it is no JSON, nests too deeply, or has more than `most` values. It is read
/// twice, because the library's own way to look on while it reads takes time by the square of an array's length.
inline nlohmann::json parse_json(std::string_view text, std::size_t most = SIZE_MAX) {
    JsonBounds bounds(most);
    if (!nlohmann::json::sax_parse(text, &bounds)) return nlohmann::json(nlohmann::json::value_t::discarded);
    return nlohmann::json::parse(text, nullptr, false);
}

}  // namespace broker
