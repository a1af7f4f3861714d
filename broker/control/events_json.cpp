// Events and samples as JSON. Broker's thread.
#include "control/events_json.hpp"

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "control/preview_json.hpp"
#include "wire/batch.hpp"
#include "wire/frame.hpp"
#include "wire/names.hpp"
#include "wire/record.hpp"

namespace broker {

using nlohmann::json;

namespace {

json event_json(const PresenceEvent& event) {
    json j = {{"event", event.kind}, {"time_us", event.wall_us}};
    if (!event.node.empty()) j["node"] = event.node;
    if (!event.group.empty()) j["group"] = event.group;
    if (event.port != 0) j["port"] = event.port;
    if (!event.text.empty()) j["text"] = event.text;
    return j;
}

json sample_json(const Sample& sample) {
    json j = {{"cast", cast_name(sample.cast)}, {"type", sample.type},       {"sender", sample.sender},
              {"target", sample.target},        {"payload", sample.payload}, {"size", sample.size},
              {"priority", sample.priority},    {"time_us", sample.wall_us}, {"seen", sample.seen}};
    json headers = json::object();
    cast::wire::for_each_header(
        sample.headers, [&](std::string_view key, std::string_view value) { headers[std::string(key)] = value; });
    if (!headers.empty()) j["headers"] = std::move(headers);
    return j;
}

/// Bytes that are not UTF-8 become U+FFFD: this is for people to look at.
template <class Item, class Show>
std::string encode(std::string_view group, const std::vector<Item>& items, Show show) {
    std::string frame;
    cast::wire::begin_frame(frame, cast::wire::Verb::deliver);
    cast::wire::BatchHeader header;
    header.cast = cast::wire::Cast::multicast;
    header.target = group;
    header.sender = cast::wire::kBrokerName;
    cast::wire::begin_batch(frame, header);
    for (const Item& item : items) cast::wire::append_record(frame, "json", {}, cast::base::dump_json(show(item)));
    cast::wire::seal_batch(frame, cast::wire::kFrameHeader, 0, static_cast<std::uint32_t>(items.size()), 0);
    return frame;
}

}  // namespace

std::string encode_events(const std::vector<PresenceEvent>& events) {
    return encode(cast::wire::kEventsGroup, events, event_json);
}
json samples_json(const std::vector<Sample>& samples) {
    json all = json::array();
    for (const Sample& sample : samples) all.push_back(sample_json(sample));
    return all;
}

}  // namespace broker
