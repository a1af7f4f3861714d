// JSON lines to messages. Pure.
#include "nodectl/input/json_lines.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/duration.hpp"
#include "base/json_text.hpp"
#include "nodectl/input/names.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

using Json = nlohmann::json;
using Problem = std::optional<std::string>;

std::string scalar(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

Problem read_target(const Json& line, Envelope& envelope) {
    if (line.contains("broadcast") && !line["broadcast"].is_boolean()) return "\"broadcast\" must be true or false";
    const bool to = line.contains("to"), group = line.contains("group");
    const bool broadcast = line.contains("broadcast") && line["broadcast"] != false;
    if (to + group + broadcast > 1) return "\"to\", \"group\" and \"broadcast\" exclude each other";
    if (to || group || broadcast) {
        envelope.nodes.clear();
        envelope.group.clear();
        envelope.broadcast = broadcast;
    }
    if (to && line["to"].is_string()) envelope.nodes = {line["to"].get<std::string>()};
    if (to && line["to"].is_array()) {
        for (const auto& name : line["to"]) {
            if (!name.is_string()) return "\"to\" must be a name or a list of names";
            envelope.nodes.push_back(name.get<std::string>());
        }
    }
    if (to && envelope.nodes.empty()) return "\"to\" must be a name or a list of names";
    // NOLINTNEXTLINE(readability-container-size-empty): empty() of a JSON text is always false
    if (group && (!line["group"].is_string() || line["group"] == "")) return "\"group\" must be a name";
    if (group) envelope.group = line["group"].get<std::string>();
    for (const std::string& name : envelope.nodes)
        if (auto trouble = name_trouble(name); !trouble.empty()) return trouble;
    if (auto trouble = group ? name_trouble(envelope.group) : ""; !trouble.empty()) return trouble;
    if (envelope.addressed()) return std::nullopt;
    return "no target: give \"to\", \"group\" or \"broadcast\", or --unicast, --multicast or --broadcast for all lines";
}

Problem read_payload(const Json& line, Envelope& envelope, std::string& payload) {
    if (line.contains("payload_b64")) {
        auto bytes = line["payload_b64"].is_string()
                         ? cast::base::decode_base64(line["payload_b64"].get_ref<const std::string&>())
                         : std::nullopt;
        if (!bytes) return "\"payload_b64\" is not base64";
        payload = std::move(*bytes);
        return std::nullopt;
    }
    if (!line.contains("payload")) return "no \"payload\" and no \"payload_b64\"";
    if (!line["payload"].is_string()) envelope.type = "json";
    payload = scalar(line["payload"]);
    return std::nullopt;
}

Problem read_headers(const Json& line, Envelope& envelope) {
    if (!line.contains("headers")) return std::nullopt;
    if (!line["headers"].is_object()) return "\"headers\" must be an object";
    for (const auto& [key, value] : line["headers"].items()) {
        if (key == "id" && envelope.id.empty()) envelope.id = scalar(value);
        if (key != "id") envelope.headers.emplace_back(key, scalar(value));
    }
    return std::nullopt;
}

std::optional<Milliseconds> duration_of(const Json& value) {
    if (value.is_number()) return up_to_longest(cast::base::parse_duration(value.get<double>()));
    return value.is_string() ? up_to_longest(cast::base::parse_duration(value.get<std::string>())) : std::nullopt;
}

Problem no_duration(std::string_view key) {
    return fmt::format("\"{}\" must be a duration of at most {}, such as \"30s\", or seconds", key, kLongestText);
}

Problem read_time(const Json& line, Envelope& envelope) {
    if (line.contains("delay") && line.contains("at")) return "\"delay\" and \"at\" exclude each other";
    if (line.contains("delay")) {
        envelope.delay = duration_of(line["delay"]);
        envelope.at.reset();
        if (!envelope.delay) return no_duration("delay");
    }
    if (line.contains("at")) {
        envelope.at = parse_time(scalar(line["at"]), std::chrono::system_clock::now());
        envelope.delay.reset();
        if (!envelope.at) return fmt::format("\"at\" must be a time up to {}, such as {}", kLastDay, kTimeForms);
    }
    return std::nullopt;
}

Problem read_details(const Json& line, Envelope& envelope) {
    if (line.contains("type")) {
        // NOLINTNEXTLINE(readability-container-size-empty): as above
        if (!line["type"].is_string() || line["type"] == "") return "\"type\" must be a text";
        envelope.type = line["type"].get<std::string>();
    }
    if (line.contains("id")) envelope.id = scalar(line["id"]);
    if (line.contains("priority")) {
        const Json& value = line["priority"];
        if (!value.is_number_integer() || value < 0 || value > 9) return "\"priority\" must be 0 to 9";
        envelope.priority = value.get<int>();
    }
    if (line.contains("ttl")) {
        envelope.ttl = duration_of(line["ttl"]);
        if (!envelope.ttl) return no_duration("ttl");
    }
    return read_time(line, envelope);
}

}  // namespace

Problem parse_json_line(std::string_view text, Envelope& envelope, std::string& payload) {
    const Json line = cast::base::parse_json(text);
    if (line.is_discarded() && Json::accept(text))
        return "nests deeper than " + std::to_string(cast::base::kDeepest) + " levels";
    if (line.is_discarded()) return "not JSON";
    if (!line.is_object()) return "not a JSON object";
    if (auto problem = read_target(line, envelope)) return problem;
    if (auto problem = read_payload(line, envelope, payload)) return problem;
    if (auto problem = read_details(line, envelope)) return problem;
    return read_headers(line, envelope);
}

}  // namespace nodectl
