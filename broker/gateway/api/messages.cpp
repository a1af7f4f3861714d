// Messages to JSON and back, and sending with an outcome for each recipient. See messages.hpp.
#include "gateway/api/messages.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <optional>
#include <set>

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/duration.hpp"
#include "base/json_text.hpp"
#include "base/random_id.hpp"
#include "base/timestamp.hpp"
#include "base/utf8.hpp"

namespace gateway {

using cast::CastKind;
using cast::ErrorCode;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kRecipients = 1000;
constexpr milliseconds kTimeoutMost{60'000};
constexpr std::chrono::seconds kLatest{9'223'372'036};  // since 1970; a system_clock of nanoseconds ends there

const char* kind_name(CastKind kind) {
    if (kind == CastKind::unicast) return "unicast";
    return kind == CastKind::multicast ? "multicast" : "broadcast";
}

Failure bad(const std::string& message, std::string hint) {
    return Failure(422, "invalid_argument", message, std::move(hint));
}

milliseconds time_member(const json& body, const char* key, milliseconds usual, milliseconds most) {
    const auto at = body.find(key);
    if (at == body.end() || at->is_null()) return usual;
    std::optional<milliseconds> time;
    if (at->is_string()) time = cast::base::parse_duration(at->get_ref<const std::string&>());
    if (at->is_number()) time = cast::base::parse_duration(at->get<double>());
    if (!time || *time > most)
        throw bad(std::string("\"") + key + "\" is no duration",
                  "write \"250ms\", \"30s\", \"5m\", \"1.5h\", \"2d\" or seconds, at most " +
                      std::to_string(most.count() / 1000));
    return *time;
}

std::string payload_of(const json& body, const std::string& type) {
    const auto content = body.find("content"), coded = body.find("content_b64");
    if ((content == body.end()) == (coded == body.end()))
        throw bad("one of \"content\" and \"content_b64\" is needed", "give the message as \"content\"");
    if (coded != body.end()) {
        std::optional<std::string> bytes;
        if (coded->is_string()) bytes = cast::base::decode_base64(coded->get_ref<const std::string&>());
        if (!bytes) throw bad("\"content_b64\" is not base64", "use the standard alphabet, with padding");
        return std::move(*bytes);
    }
    if (type == "json" && content->is_string()) {  // JSON as text, or a JSON string: what parses is taken as it is
        const auto& text = content->get_ref<const std::string&>();
        return json::accept(text) ? text : dump(*content);
    }
    if (type == "json") return dump(*content);
    if (!content->is_string())
        throw bad("\"content\" is no string", "give a string, or message_type \"json\" for any JSON value");
    return content->get<std::string>();
}

CastKind read_kind(const json& body) {
    const std::string name = text_member(body, "cast_type");
    for (const CastKind kind : {CastKind::unicast, CastKind::multicast, CastKind::broadcast})
        if (name == kind_name(kind)) return kind;
    throw bad("\"cast_type\" is \"" + name.substr(0, 60) + "\"", "it is unicast, multicast or broadcast");
}

void read_target(const json& body, Outgoing& out) {
    const std::string group = text_member(body, "group_id", "");
    const auto given = body.find("recipients");
    const bool listed = given != body.end() && !given->is_null() && !(given->is_array() && given->empty());
    if (out.kind == CastKind::unicast) {
        if (!listed) throw bad("\"recipients\" is missing", "name the nodes: [\"bob\"]");
        for (std::string& name : names_member(body, "recipients"))  // each once
            if (std::find(out.recipients.begin(), out.recipients.end(), name) == out.recipients.end())
                out.recipients.push_back(std::move(name));
        if (out.recipients.size() > kRecipients)
            throw bad("more than 1000 recipients", "send several times, or to a group");
        if (!group.empty()) throw bad("a unicast has no \"group_id\"", "use cast_type multicast, or leave it out");
    } else {
        if (listed)
            throw bad(std::string("a ") + kind_name(out.kind) + " has no \"recipients\"",
                      "use cast_type unicast, or leave them out");
        if (out.kind == CastKind::multicast && group.empty()) throw bad("\"group_id\" is missing", "name the group");
        if (out.kind == CastKind::broadcast && !group.empty())
            throw bad("a broadcast has no \"group_id\"", "use cast_type multicast, or leave it out");
        out.group = group;
    }
}

/// When it is to go: after a delay, or at a time; at once when neither is there.
void read_time(const json& body, cast::Message& message) {
    const milliseconds delay = time_member(body, "delay", milliseconds(0), std::chrono::hours(24 * 3000));
    if (delay.count() > 0) message.delay(delay);
    const auto at = body.find("at");
    if (at == body.end() || at->is_null()) return;
    if (delay.count() > 0) throw bad("\"delay\" and \"at\" exclude each other", "give one of them");
    std::optional<std::chrono::microseconds> timestamp;
    if (at->is_string()) timestamp = cast::base::parse_timestamp(at->get_ref<const std::string&>());
    if (at->is_number() && at->get<double>() >= 0 && at->get<double>() < 1e12)
        timestamp = std::chrono::microseconds(static_cast<std::int64_t>(at->get<double>() * 1e6));
    if (!timestamp) throw bad("\"at\" is no time", "write \"2030-01-31T14:30:00Z\", or seconds since 1970");
    if (*timestamp > kLatest)
        throw bad("\"at\" is later than 2262-04-11T23:47:16Z",
                  "the broker keeps no message for so long; see later-time");
    // What has passed is now, however long ago.
    const std::chrono::microseconds since_1970 = std::max(*timestamp, std::chrono::microseconds(0));
    message.deliver_at(std::chrono::system_clock::time_point(since_1970));
}

json outcomes(const Outgoing& out, const std::vector<cast::Result<void>>& results, json& failed, std::size_t& good) {
    json all = json::array();
    for (std::size_t i = 0; i < results.size(); ++i) {
        good += results[i] ? 1 : 0;
        const ErrorCode code = results[i].code();
        if (out.kind != CastKind::unicast) continue;
        all.push_back({{"node_id", out.recipients[i]}, {"success", results[i].ok()}, {"code", cast::error_name(code)}});
        if (!results[i])
            failed.push_back(
                {{"node_id", out.recipients[i]}, {"code", cast::error_name(code)}, {"reason", cast::error_hint(code)}});
    }
    return all;
}

}  // namespace

const std::initializer_list<std::string_view> kSendMembers = {
    "id",       "cast_type", "message_type", "content", "content_b64", "sender", "recipients",
    "group_id", "priority",  "ttl",          "headers", "timeout",     "delay",  "at"};

Outgoing read_outgoing(const json& body) {
    Outgoing out;
    out.kind = read_kind(body);
    const std::string type = text_member(body, "message_type", "text");
    const std::string payload = payload_of(body, type);
    read_target(body, out);
    if (out.kind == CastKind::unicast) out.message = cast::Message::unicast(out.recipients, payload);
    if (out.kind == CastKind::multicast) out.message = cast::Message::multicast(out.group, payload);
    if (out.kind == CastKind::broadcast) out.message = cast::Message::broadcast(payload);
    out.sender = text_member(body, "sender", "api");
    out.id = text_member(body, "id", "");
    if (out.id.empty()) out.id = cast::base::random_digits(32);
    out.message.type(type).id(out.id);
    if (const auto at = body.find("priority"); at != body.end() && !at->is_null()) {
        if (!at->is_number_integer() || at->get<std::int64_t>() < 0 || at->get<std::int64_t>() > 9)
            throw bad("\"priority\" is no number from 0 to 9", "9 goes first; 4 is usual");
        out.message.priority(at->get<int>());
    }
    out.message.ttl(time_member(body, "ttl", milliseconds(0), milliseconds(UINT32_MAX)));
    read_time(body, out.message);
    out.timeout = std::max(time_member(body, "timeout", milliseconds(5000), kTimeoutMost), milliseconds(1));
    if (const auto at = body.find("headers"); at != body.end() && !at->is_null()) {
        if (!at->is_object()) throw bad("\"headers\" is no object", "give {\"key\": \"text\"}");
        for (const auto& [key, value] : at->items()) {
            if (!value.is_string())
                throw bad("the header \"" + key.substr(0, 60) + "\" is no string", "headers are texts");
            if (key != "id") out.message.header(key, value.get_ref<const std::string&>());
        }
    }
    return out;
}

std::size_t readers(Client& client, const Outgoing& out) {
    try {
        if (out.kind == CastKind::multicast)
            return client.call({{"op", "group.show"}, {"name", out.group}}).at("member_count").get<std::size_t>();
        return client.call({{"op", "status"}}).at("nodes").get<std::size_t>();
    } catch (const std::exception&) {
        return 0;  // deleted meanwhile: it was sent, nobody can say to how many
    }
}

json sent_json(const Outgoing& out, const std::vector<cast::Result<void>>& results, double took, std::size_t reached,
               int& status) {
    for (const auto& result : results)  // what no recipient is to blame for
        if (result.code() == ErrorCode::invalid_argument || result.code() == ErrorCode::too_large ||
            result.code() == ErrorCode::unreachable || result.code() == ErrorCode::invalid_name)
            throw Failure(result.error());
    std::size_t good = 0;
    json failed = json::array();
    json all = outcomes(out, results, failed, good);
    const std::string where = out.kind == CastKind::unicast
                                  ? std::to_string(good) + " of " + std::to_string(results.size())
                              : out.kind == CastKind::multicast ? "group " + out.group
                                                                : std::string("every node");
    json answer = {{"success", good > 0},
                   {"message", (good > 0 || out.kind == CastKind::unicast ? "sent to " : "not sent to ") + where},
                   {"id", out.id},
                   {"recipients_count", out.kind == CastKind::unicast || good == 0 ? good : reached},
                   {"recipients", std::move(all)},
                   {"failed_recipients", std::move(failed)},
                   {"delivery_time", took},
                   {"time_us", cast::base::wall_us()}};
    status = 200;
    if (good == 0) {
        const ErrorCode code = results.front().code();
        answer["code"] = cast::error_name(code);
        answer["hint"] = cast::error_hint(code);
        if (out.kind != CastKind::unicast) status = cast::http_status(code);
    }
    return answer;
}

json error_json(const Failure& failure) {
    json out = failure_json(failure);
    out["type"] = "error";
    return out;
}

json show(const cast::Message& message) {
    json headers = json::object();
    for (const auto& [key, value] : message.headers())
        if (key != "id") headers[std::string(key)] = value;
    const auto arrival =
        std::chrono::duration_cast<std::chrono::microseconds>(message.arrival().time_since_epoch()).count();
    json out = {{"cast_type", kind_name(message.kind())},
                {"message_type", message.type()},
                {"sender", message.sender()},
                {"target", message.target()},
                {"group_id", nullptr},
                {"priority", message.priority()},
                {"headers", std::move(headers)},
                {"sequence", message.sequence()},
                {"time_us", arrival},
                {"redelivered", message.redelivered()}};
    if (message.kind() == CastKind::multicast) out["group_id"] = message.target();
    if (!message.id().empty()) out["id"] = message.id();
    put_content(out, message.type(), message.payload());
    return out;
}

json show_record(const json& record, std::size_t cut) {
    const std::string type = record.value("type", "text"), cast = record.value("cast", "unicast");
    json out = record;
    for (const char* key : {"type", "cast", "payload", "payload_b64", "seen", "size", "cut", "number"}) out.erase(key);
    std::string payload = record.value("payload", "");
    if (const auto coded = record.find("payload_b64"); coded != record.end() && coded->is_string())
        payload = cast::base::decode_base64(coded->get_ref<const std::string&>()).value_or("");
    const std::size_t size = record.value("size", payload.size());
    if (cut > 0 && payload.size() > cut) payload.resize(cut);
    out["cast_type"] = cast;
    out["message_type"] = type;
    out["group_id"] = cast == "multicast" ? record.value("target", json()) : json();
    json headers = record.value("headers", json::object());
    if (const auto id = headers.find("id"); id != headers.end()) {
        out["id"] = *id;
        headers.erase(id);
    }
    out["headers"] = std::move(headers);
    if (payload.size() >= size) {
        put_content(out, type, payload);
    } else {  // a part of it: as text, however it was cut
        out["truncated"] = true;
        out["content"] = payload;
    }
    out["size"] = size;
    return out;
}

void put_content(json& out, std::string_view type, std::string_view payload) {
    out["size"] = payload.size();
    json value;
    if (type == "json") value = cast::base::parse_json(payload, cast::base::kMostValues);
    if (type == "json" && !value.is_discarded())
        out["content"] = std::move(value);
    else if (cast::base::valid_utf8(payload))
        out["content"] = payload;
    else
        out["content_b64"] = cast::base::encode_base64(payload);
}

}  // namespace gateway
