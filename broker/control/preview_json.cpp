// Messages as JSON. Broker's thread.
#include "control/preview_json.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/base64.hpp"
#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "wire/record.hpp"

namespace broker {

using nlohmann::json;

namespace {

void put_payload(json& out, const MessagePreview& preview) {
    std::string_view text = preview.payload;
    if (preview.payload.size() < preview.size)  // cut: perhaps within a character
        for (std::size_t less = 0; less < 4 && less <= preview.payload.size() && !cast::base::valid_utf8(text); ++less)
            text = std::string_view(preview.payload).substr(0, preview.payload.size() - less);
    if (cast::base::valid_utf8(text))
        out["payload"] = text;
    else
        out["payload_b64"] = cast::base::encode_base64(preview.payload);
}

}  // namespace

const char* cast_name(cast::wire::Cast cast) {
    if (cast == cast::wire::Cast::unicast) return "unicast";
    return cast == cast::wire::Cast::multicast ? "multicast" : "broadcast";
}

json preview_json(const MessagePreview& preview) {
    json out = {{"sequence", preview.sequence},
                {"stream", preview.stream},
                {"cast", cast_name(preview.cast)},
                {"type", preview.type},
                {"sender", preview.sender},
                {"target", preview.target},
                {"size", preview.size},
                {"priority", preview.priority},
                {"time_us", preview.wall_us},
                {"redelivered", preview.redelivered},
                {"acknowledged", preview.acknowledged}};
    if (preview.number != 0) out["number"] = preview.number;
    if (preview.payload.size() < preview.size) out["cut"] = true;
    put_payload(out, preview);
    json headers = json::object();
    cast::wire::for_each_header(
        preview.headers, [&](std::string_view key, std::string_view value) { headers[std::string(key)] = value; });
    out["headers"] = std::move(headers);
    return out;
}

std::string encode_previews(const BrowseAnswer& answer) {
    if (answer.code != cast::ErrorCode::ok) return "the messages could not be read";
    json messages = json::array();
    for (const MessagePreview& preview : answer.messages) messages.push_back(preview_json(preview));
    json out = {{"messages", std::move(messages)}, {"next_before", nullptr}};
    if (answer.next_before != 0) out["next_before"] = answer.next_before;
    return cast::base::dump_json(out);
}

}  // namespace broker
