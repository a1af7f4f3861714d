// Control's insides: a management call, its answer, and the calls that have files of their own. Broker's thread.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "base/json_text.hpp"
#include "control/control.hpp"

namespace broker {

class Digging;
class Listing;

struct Call {
    const nlohmann::json& request;
    Router& router;
    Listing& listing;
    Digging& digging;
    Asker asker;
    Now now;
    Outbox& outbox;
    int (*free_port)() = nullptr;  ///< Control::Process

    std::string text(const char* key) const {
        const auto at = request.find(key);
        return at != request.end() && at->is_string() ? at->get<std::string>() : std::string();
    }
    std::int64_t number(const char* key) const {
        const auto at = request.find(key);
        return at != request.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
    }
};

inline ControlAnswer fail(cast::ErrorCode code, std::string text) { return {code, std::move(text)}; }
inline ControlAnswer good(const nlohmann::json& answer) { return {cast::ErrorCode::ok, cast::base::dump_json(answer)}; }

ControlAnswer call_peek(const Call& call);
ControlAnswer call_history(const Call& call);
ControlAnswer call_purge(const Call& call);
ControlAnswer call_dead_letters_list(const Call& call);
ControlAnswer call_dead_letters_show(const Call& call);
ControlAnswer call_dead_letters_requeue(const Call& call);
ControlAnswer call_dead_letters_purge(const Call& call);

}  // namespace broker
