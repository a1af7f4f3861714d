// Messages as JSON. Broker's thread.
#include "looks.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/base64.hpp"
#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "wire/record.hpp"

namespace broker {

using nlohmann::json;

namespace {

void put_payload(json& out, const Seen& seen) {
    std::string_view text = seen.payload;
    if (seen.payload.size() < seen.size)  // cut: perhaps within a character
        for (std::size_t less = 0; less < 4 && less <= seen.payload.size() && !cast::base::valid_utf8(text); ++less)
            text = std::string_view(seen.payload).substr(0, seen.payload.size() - less);
    if (cast::base::valid_utf8(text))
        out["payload"] = text;
    else
        out["payload_b64"] = cast::base::encode_base64(seen.payload);
}

}  // namespace

const char* cast_name(cast::wire::Cast cast) {
    if (cast == cast::wire::Cast::unicast) return "unicast";
    return cast == cast::wire::Cast::multicast ? "multicast" : "broadcast";
}

json seen_json(const Seen& seen) {
    json out = {{"sequence", seen.sequence},
                {"stream", seen.stream},
                {"cast", cast_name(seen.cast)},
                {"type", seen.type},
                {"sender", seen.sender},
                {"target", seen.target},
                {"size", seen.size},
                {"priority", seen.priority},
                {"time_us", seen.wall_us},
                {"redelivered", seen.redelivered},
                {"acknowledged", seen.acknowledged}};
    if (seen.number != 0) out["number"] = seen.number;
    if (seen.payload.size() < seen.size) out["cut"] = true;
    put_payload(out, seen);
    json headers = json::object();
    cast::wire::for_each_header(
        seen.headers, [&](std::string_view key, std::string_view value) { headers[std::string(key)] = value; });
    out["headers"] = std::move(headers);
    return out;
}

std::string encode_look(const LookAnswer& answer) {
    if (answer.code != cast::ErrorCode::ok) return "the messages could not be read";
    json messages = json::array();
    for (const Seen& seen : answer.messages) messages.push_back(seen_json(seen));
    json out = {{"messages", std::move(messages)}, {"next_before", nullptr}};
    if (answer.next_before != 0) out["next_before"] = answer.next_before;
    return cast::base::dump_json(out);
}

}  // namespace broker
