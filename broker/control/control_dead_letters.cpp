// The management calls about dead letters. Broker's thread.
#include "control/control_call.hpp"
#include "control/digging.hpp"
#include "control/preview_json.hpp"

namespace broker {

using cast::ErrorCode;
using nlohmann::json;

namespace {

constexpr std::int64_t kLetters = 50, kLettersMost = 1000;
constexpr std::size_t kShown = 512u << 10;  // bytes of the payload of one that is shown by itself

json dead_letter_json(const DeadLetterView& dead, std::size_t cut) {
    MessagePreview preview;
    preview.sequence = 1;
    preview.cast = dead.letter.group.empty()  ? cast::wire::Cast::unicast
                   : dead.letter.group == "*" ? cast::wire::Cast::broadcast
                                              : cast::wire::Cast::multicast;
    preview.sender = dead.letter.sender;
    preview.target = preview.cast == cast::wire::Cast::multicast ? dead.letter.group : dead.letter.target;
    preview.type = dead.message.type;
    preview.payload = dead.message.payload.substr(0, cut);
    preview.headers = dead.message.headers;
    preview.size = dead.message.payload.size();
    preview.priority = dead.letter.priority;
    preview.wall_us = dead.letter.arrival_us;
    return {{"seq", dead.id},
            {"node_id", dead.letter.target},
            {"reason", dead.letter.reason},
            {"detail", dead.letter.detail},
            {"dead_us", dead.wall_us},
            {"record", preview_json(preview)}};
}

ControlAnswer again() {
    ControlAnswer answer;
    answer.again = true;
    return answer;
}

ControlAnswer missing(const Call& call) {
    return fail(ErrorCode::deleted, "no dead letter " + std::to_string(call.number("seq")));
}

}  // namespace

ControlAnswer call_dead_letters_list(const Call& call) {
    if (call.router.dead().loading()) return again();
    const std::int64_t count = call.request.contains("count") ? call.number("count") : kLetters;
    if (count < 1 || count > kLettersMost) return fail(ErrorCode::invalid_argument, "\"count\" is 1 to 1000");
    const std::string node = call.text("node");
    std::uint64_t before =
        call.number("before") > 0 ? static_cast<std::uint64_t>(call.number("before")) : ~std::uint64_t{0};
    json all = json::array(), next = nullptr;
    std::size_t bytes = 0;
    for (auto dead = call.router.dead().before(before); dead; dead = call.router.dead().before(dead->id)) {
        if (!node.empty() && dead->letter.target != node) continue;
        if (all.size() == static_cast<std::size_t>(count) || bytes >= kBrowseBytes) {
            next = before;
            break;
        }
        bytes += std::min(dead->message.payload.size(), kPreviewPayload) + dead->message.headers.size();
        all.push_back(dead_letter_json(*dead, kPreviewPayload));
        before = dead->id;
    }
    return good({{"dead", std::move(all)}, {"total", call.router.dead().messages()}, {"next_before", next}});
}

ControlAnswer call_dead_letters_show(const Call& call) {
    if (call.router.dead().loading()) return again();
    const auto dead = call.router.dead().view(static_cast<std::uint64_t>(call.number("seq")));
    return dead ? good(dead_letter_json(*dead, kShown)) : missing(call);
}

ControlAnswer call_dead_letters_requeue(const Call& call) {
    if (call.router.dead().loading()) return again();
    if (!call.request.contains("seq")) return call.digging.begin(call, Digging::Wish::requeue);
    const auto id = static_cast<std::uint64_t>(call.number("seq"));
    const auto dead = call.router.dead().view(id);
    if (!dead) return missing(call);
    const std::string node(dead->letter.target);
    const ErrorCode code = call.router.requeue(id, call.now);
    return code == ErrorCode::ok ? good({{"requeued", id}, {"node_id", node}}) : fail(code, node);
}

ControlAnswer call_dead_letters_purge(const Call& call) {
    if (call.router.dead().loading()) return again();
    if (!call.request.contains("seq")) return call.digging.begin(call, Digging::Wish::purge);
    const auto id = static_cast<std::uint64_t>(call.number("seq"));
    if (!call.router.dead().view(id)) return missing(call);
    call.router.dead().drop(id);
    return good({{"purged", 1}});
}

}  // namespace broker
