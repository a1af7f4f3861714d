// Handing out the messages of all nodes of Queue::shared of a connection (Connection::receive_some). On the caller's
// thread, one at a time.
#pragma once
#include <cast/message.hpp>
#include <cast/result.hpp>
#include <cstdint>
#include <functional>
#include <string_view>

#include "src/node/node_state.hpp"

namespace cast::detail {

/// From now on this node's messages are for receive_some().
void share(Link& link, const std::shared_ptr<Node::State>& node, Lock& lock);
/// One turn of all nodes that have something; `until_us` 0: does not wait.
Result<std::size_t> receive_some(Link& link, const std::function<void(std::string_view, const Message&)>& handle,
                                 std::int64_t until_us);

}  // namespace cast::detail
