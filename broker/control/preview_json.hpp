// What somebody who looks at messages is shown, as JSON (PROTOCOL.md section 6). Broker's thread.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/message_preview.hpp"

namespace broker {

/// "unicast", "multicast" or "broadcast".
const char* cast_name(cast::wire::Cast cast);
nlohmann::json preview_json(const MessagePreview& preview);
/// The answer to a management call; with a code, a sentence.
std::string encode_previews(const BrowseAnswer& answer);

}  // namespace broker
