// What somebody who looks at messages is shown, as JSON (PROTOCOL.md section 6). Broker's thread.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/look.hpp"

namespace broker {

/// "unicast", "multicast" or "broadcast".
const char* cast_name(cast::wire::Cast cast);
nlohmann::json seen_json(const Seen& seen);
/// The answer to a management call; with a code, a sentence.
std::string encode_look(const LookAnswer& answer);

}  // namespace broker
