// The one table behind cast/error.hpp: a code's name, HTTP status, exit code and hint.
// Pure; any thread. Not the place where errors are made.
#include <cast/error.hpp>

#include <cstddef>
#include <iterator>

namespace cast {
namespace {

struct Row {
    const char* name;
    int http;
    int exit;
    const char* hint;
};

constexpr Row kRows[] = {
    {"ok", 200, 0, "done"},
    {"internal", 500, 1, "an internal fault; the broker's log may say more"},
    {"malformed", 400, 1, "the bytes do not parse; is this a cast client of the same version?"},
    {"unsupported_version", 400, 1, "this protocol version is not spoken here; update the older side"},
    {"unknown_verb", 400, 1, "this request is not known here; update the older side"},
    {"hello_first", 400, 1, "a connection begins with HELLO; connect again"},
    {"invalid_name", 422, 2, "names are 1 to 128 bytes of [A-Za-z0-9._-] and do not start with '.' or '-'"},
    {"no_such_node", 404, 5, "no such node; 'nodectl node list' shows the known ones"},
    {"no_such_group", 404, 5, "no such group; 'nodectl group list' shows the known ones"},
    {"already_exists", 409, 6, "this name is taken already"},
    {"name_in_use", 409, 6, "another program receives as this node; stop it, or take the node over"},
    {"taken_over", 409, 6, "another program took this node over"},
    {"not_attached", 409, 6, "attach the sending node on this connection first"},
    {"too_large", 413, 6, "over the size limit; send less, or raise max-message at the broker"},
    {"mailbox_full", 429, 6, "the receiver's mailbox is full; try again when it has read some"},
    {"group_busy", 429, 6, "the group's stream is full; try again shortly"},
    {"expired", 410, 6, "the time to live ran out before delivery"},
    {"forbidden", 403, 4, "not allowed"},
    {"timed_out", 504, 7, "the time ran out; allow more of it, or look whether the other side lives"},
    {"unreachable", 503, 3, "cannot reach the broker; is cast-broker running at this address?"},
    {"session_expired", 410, 1, "the connection was away for too long; whether the last messages arrived is unknown"},
    {"store_failed", 503, 6, "the broker cannot store at the moment; try again"},
    {"node_absent", 409, 6, "the node exists but nobody is attached to it"},
    {"too_many", 429, 6, "a limit of the broker is reached; delete some, or raise the limit"},
    {"closed", 410, 1, "this object was closed"},
    {"would_block", 429, 6, "the send window is full; try again when receipts have come"},
    {"shutting_down", 503, 3, "the broker is going down; try again when it is back"},
    {"invalid_argument", 422, 2, "an argument is out of its range"},
    {"deleted", 410, 5, "it was deleted meanwhile"},
    {"out_of_order", 409, 1, "a batch is missing before this one; connect again"},
    {"undeliverable", 410, 6, "its readers went without acknowledging it, too often; 'nodectl dead list' shows it"},
    {"not_saved", 507, 6, "the receiver could not write it; make room on its disk, or its folder writable"},
    {"unauthorized", 401, 4, "the broker does not know who this is; name a key or token that it knows"},
    {"not_leader", 503, 3, "another broker leads now; name it, or all brokers, and try again"},
};
static_assert(std::size(kRows) == kErrorCodes);
constexpr Row kUnknown = {"unknown", 500, 1, "an error code that this version does not know"};

const Row& row(ErrorCode code) noexcept {
    const auto at = static_cast<std::size_t>(code);
    return at < std::size(kRows) ? kRows[at] : kUnknown;
}

}  // namespace

const char* error_name(ErrorCode code) noexcept { return row(code).name; }
const char* error_hint(ErrorCode code) noexcept { return row(code).hint; }
int http_status(ErrorCode code) noexcept { return row(code).http; }
int exit_code(ErrorCode code) noexcept { return row(code).exit; }

}  // namespace cast
