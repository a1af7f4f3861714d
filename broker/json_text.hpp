// JSON that came from outside. Writing and walking a value recurse once a level, so a text of nothing but brackets would
// end the process: what nests deeper than kDeepest is no JSON here. Pure; any thread.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

namespace broker {

inline constexpr int kDeepest = 512;  // levels of objects and arrays; a level takes a few hundred bytes of stack

/// The value of a text; discarded when it is no JSON, or nests too deeply.
inline nlohmann::json parse_json(std::string_view text) {
    struct TooDeep {};
    try {
        return nlohmann::json::parse(
            text,
            [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
                if (depth > kDeepest) throw TooDeep();
                return true;
            },
            false);
    } catch (const TooDeep&) {
        return nlohmann::json(nlohmann::json::value_t::discarded);
    }
}

}  // namespace broker
