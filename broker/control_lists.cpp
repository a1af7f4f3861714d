// Lists of nodes and groups, a page a call: each costs the broker's thread little, however many there are. Broker's thread.
#include <algorithm>
#include <cctype>

#include "control_call.hpp"
#include "report.hpp"
#include "wire/names.hpp"

namespace broker {

using nlohmann::json;

namespace {

constexpr std::int64_t kPage = 1000, kPageMost = 10000;
constexpr std::size_t kPageBytes = 1u << 20;

/// About as many bytes as it takes in the answer; the names in its list are what makes it large.
std::size_t size_of(const json& one) {
    std::size_t bytes = 256;
    for (const json& member : one)
        if (member.is_array())
            for (const json& name : member) bytes += name.get_ref<const std::string&>().size() + 3;
    return bytes;
}

/// What a list call asks for, and what it found.
template <class T>
struct Page {
    explicit Page(const Call& call)
        : search(call.text("search")),
          after(call.text("after")),
          offset(static_cast<std::size_t>(std::max<std::int64_t>(call.number("offset"), 0))),
          limit(static_cast<std::size_t>(call.number("limit") <= 0 ? kPage
                                                                   : std::min(call.number("limit"), kPageMost))) {}

    /// False: it is not looked for.
    bool see(const T& one) {
        const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
        if (std::search(one.name.begin(), one.name.end(), search.begin(), search.end(), same) == one.name.end() &&
            !search.empty())
            return false;
        ++total;
        if (after.empty() || one.name > after) found.push_back(&one);
        return true;
    }

    /// The page, by name; it ends early when it has grown large, but never empty.
    template <class Show>
    json take(json& next_after, Show show) {
        json out = json::array();
        const std::size_t from = std::min(offset, found.size()), to = from + std::min(limit, found.size() - from);
        std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(to), found.end(),
                          [](const T* a, const T* b) { return a->name < b->name; });
        std::size_t at = from, bytes = 0;
        for (; at < to && bytes < kPageBytes; ++at) {
            out.push_back(show(*found[at]));
            bytes += size_of(out.back());
        }
        if (at > from && at < found.size()) next_after = found[at - 1]->name;
        return out;
    }

    std::string search, after;
    std::size_t offset, limit, total = 0;
    std::vector<const T*> found;
};

}  // namespace

ControlAnswer call_node_list(const Call& call) {
    State& state = call.router.state();
    const auto asked = call.request.find("with_port");
    const bool with_port = asked != call.request.end() && asked->is_boolean() && asked->get<bool>();
    Page<Node> page(call);
    std::size_t active = 0;
    state.directory.for_each_node([&](const Node& node) {
        if (node.hidden || (with_port && node.port == 0)) return;
        if (page.see(node) && node.connection != nullptr) ++active;
    });
    json next_after;
    json nodes = page.take(next_after, [&](const Node& node) { return report_node(state, node); });
    return good({{"nodes", std::move(nodes)},
                 {"total", page.total},
                 {"active", active},
                 {"next_after", std::move(next_after)}});
}

ControlAnswer call_group_list(const Call& call) {
    Page<Group> page(call);
    call.router.state().directory.for_each_group([&](const Group& group) {
        if (!cast::wire::reserved_name(group.name)) page.see(group);
    });
    json next_after;
    json groups = page.take(next_after, report_group);
    return good({{"groups", std::move(groups)}, {"total", page.total}, {"next_after", std::move(next_after)}});
}

}  // namespace broker
