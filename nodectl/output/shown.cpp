// Printing messages that were only looked at. Main thread.
#include "nodectl/output/shown.hpp"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/json_text.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {

using nlohmann::json;

std::string text_of(const json& object, const char* key) {
    const auto at = object.find(key);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::uint64_t number_of(const json& object, const char* key) {
    const auto at = object.find(key);
    return at != object.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

std::string time_text(const json& time_us) {
    const std::int64_t us = time_us.is_number_integer() ? time_us.get<std::int64_t>() : 0;
    std::string out;
    append_time(out, std::chrono::system_clock::time_point(std::chrono::microseconds(us)));
    return out;
}

std::string shown_line(const json& message) {
    const std::string cast = text_of(message, "cast");
    std::string out = time_text(message.value("time_us", json())) + " " + printable(text_of(message, "sender"));
    if (cast == "multicast") out += " (" + printable(text_of(message, "target")) + ")";
    if (cast == "broadcast") out += " (all)";
    out += ": ";
    if (message.contains("payload"))
        append_printable(out, text_of(message, "payload"));
    else
        append_printable(out, cast::base::decode_base64(text_of(message, "payload_b64")).value_or(""));
    if (message.value("cut", false))
        out += fmt::format(" ... ({})", bytes_text(static_cast<double>(number_of(message, "size"))));
    return out + "\n";
}

nlohmann::ordered_json shown_json(const json& message) {
    nlohmann::ordered_json out = {{"sender", text_of(message, "sender")},
                                  {"target", text_of(message, "target")},
                                  {"kind", text_of(message, "cast")},
                                  {"type", text_of(message, "type")}};
    for (const char* key : {"payload", "payload_b64"})
        if (message.contains(key)) out[key] = message.at(key);
    json headers = message.value("headers", json::object());
    const std::string id = text_of(headers, "id");
    headers.erase("id");
    out["headers"] = headers;
    out["id"] = id;
    out["priority"] = number_of(message, "priority");
    out["sequence"] = number_of(message, "sequence");
    out["arrival"] = time_text(message.value("time_us", json()));
    out["redelivered"] = message.value("redelivered", false);
    out["acknowledged"] = message.value("acknowledged", false);
    out["size"] = number_of(message, "size");
    if (message.value("cut", false)) out["cut"] = true;
    return out;
}

std::string json_line(const nlohmann::ordered_json& object) { return cast::base::dump_json(object) + "\n"; }

}  // namespace nodectl
