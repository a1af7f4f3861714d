// Messages as the API shows and takes them: JSON to libcast's Message and back (API.md sections 4 and 6). Pure but for
// readers(), which asks the broker.
#pragma once
#include <cast/message.hpp>
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/client/client.hpp"
#include "gateway/http/request.hpp"

namespace gateway {

/// An error as it is said over a WebSocket or a port.
nlohmann::json error_json(const Failure& failure);
/// A received message.
nlohmann::json show(const cast::Message& message);
/// The broker's own account of a message, a sample or a stored one, in the same shape. `cut`: bytes of the content at
/// most, 0: all.
nlohmann::json show_record(const nlohmann::json& record, std::size_t cut);
/// Puts a payload in: "content" or "content_b64", and "size".
void put_content(nlohmann::json& out, std::string_view type, std::string_view payload);

/// A message to send, as a request asks for it.
struct Outgoing {
    cast::Message message;
    std::string id, sender, group;
    cast::CastKind kind = cast::CastKind::unicast;
    std::vector<std::string> recipients;
    std::chrono::milliseconds timeout{5000};
};

/// The members that read_outgoing knows, "sender" among them.
extern const std::initializer_list<std::string_view> kSendMembers;
/// Reads the body of POST /api/send. Throws Failures.
Outgoing read_outgoing(const nlohmann::json& body);

/// How many nodes a group's message or a broadcast goes to, if that can be told. Blocks.
std::size_t readers(Client& client, const Outgoing& outgoing);
/// The answer of POST /api/send: `outcomes` of its recipients, or of the group or the broadcast, which `reached` so
/// many nodes; `status` is the HTTP status that goes with it. Throws a Failure for what no recipient is to blame for.
nlohmann::json sent_json(const Outgoing& outgoing, const std::vector<cast::Result<void>>& outcomes, double took,
                         std::size_t reached, int& status);

}  // namespace gateway
