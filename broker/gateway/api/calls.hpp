// Calls: the answers of the API that are one management call to the broker: nodes, groups, message logs, dead letters.
// Worker threads. They throw Failures.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "gateway/client/client.hpp"
#include "gateway/http/request.hpp"

namespace gateway {

Answer list_nodes(Client& client, const Request& request);
Answer get_node(Client& client, const Request& request);
Answer delete_node(Client& client, const Request& request);
Answer node_messages(Client& client, const Request& request);
Answer peek(Client& client, const Request& request);
Answer purge(Client& client, const Request& request);

Answer list_groups(Client& client, const Request& request);
Answer create_group(Client& client, const Request& request);
Answer get_group(Client& client, const Request& request);
Answer delete_group(Client& client, const Request& request);
Answer join_group(Client& client, const Request& request);
Answer leave_group(Client& client, const Request& request);
Answer group_messages(Client& client, const Request& request);
Answer broadcast_messages(Client& client, const Request& request);

Answer list_dead_letters(Client& client, const Request& request);
Answer get_dead_letter(Client& client, const Request& request);
Answer delete_dead_letter(Client& client, const Request& request);
Answer purge_dead_letters(Client& client, const Request& request);
Answer requeue_dead_letter(Client& client, const Request& request);

Answer list_scheduled(Client& client, const Request& request);
Answer cancel_scheduled(Client& client, const Request& request);

/// The answer of a list call ("node.list", "group.list") with up to `most` entries, asked for page by page.
nlohmann::json list_all(Client& client, nlohmann::json request, const char* key, std::size_t most);

/// The broker's node as the API shows it.
nlohmann::json show_node(const nlohmann::json& node);

/// The contract for machines (openapi.json).
std::string_view openapi_text();

}  // namespace gateway
