// Pages of names, and the search for them. Broker's thread.
#include "control/listing.hpp"

#include <algorithm>
#include <cctype>

#include "control/stats_json.hpp"
#include "wire/names.hpp"

namespace broker {

using cast::ErrorCode;
using nlohmann::json;

namespace {

constexpr std::int64_t kPageMost = 1000;  // a turn of the broker makes a page
constexpr std::size_t kPageBytes = 256u << 10;
constexpr std::size_t kSkipAtOnce = 1000;      // an offset up to this is no work
constexpr std::size_t kListingWork = 200'000;  // characters that one turn looks at: less than a millisecond
constexpr std::size_t kOwnGroups = 1;          // $events does not count
constexpr std::size_t kNameWork = 32;          // what a name costs beside its characters

char small(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

/// For each beginning of the text, how long its longest end is that is a beginning, too: so that a search need not go
/// back.
std::vector<std::size_t> borders_of(const std::string& text) {
    std::vector<std::size_t> borders(text.size(), 0);
    for (std::size_t i = 1, n = 0; i < text.size(); ++i) {
        while (n > 0 && text[i] != text[n]) n = borders[n - 1];
        if (text[i] == text[n]) ++n;
        borders[i] = n;
    }
    return borders;
}

bool matches(const std::string& name, const std::string& search, const std::vector<std::size_t>& borders) {
    if (search.empty()) return true;
    std::size_t n = 0;
    for (const char c : name) {
        const char s = small(c);
        while (n > 0 && s != search[n]) n = borders[n - 1];
        if (s == search[n] && ++n == search.size()) return true;
    }
    return false;
}

/// About as many bytes as it takes in the answer; the names in its list are what makes it large.
std::size_t size_of(const json& one) {
    std::size_t bytes = 256;
    for (const json& member : one)
        if (member.is_array())
            for (const json& name : member) bytes += name.get_ref<const std::string&>().size() + 3;
    return bytes;
}

bool is_active(const Node& node) { return node.connection != nullptr; }
bool is_active(const Group&) { return false; }
bool has_port(const Node& node) { return node.port != 0; }
bool has_port(const Group&) { return false; }

}  // namespace

Listing::Page Listing::asked(const Call& call) {
    Page page;
    page.to = call.asker;
    page.search = call.text("search");
    page.after = call.text("after");
    page.offset = static_cast<std::size_t>(std::max<std::int64_t>(call.number("offset"), 0));
    page.limit =
        static_cast<std::size_t>(call.number("limit") <= 0 ? kPageMost : std::min(call.number("limit"), kPageMost));
    return page;
}

ControlAnswer Listing::nodes(const Call& call) {
    Page page = asked(call);
    const auto with = call.request.find("with_port");
    page.with_port = with != call.request.end() && with->is_boolean() && with->get<bool>();
    return begin(std::move(page));
}

ControlAnswer Listing::groups(const Call& call) {
    Page page = asked(call);
    page.groups = true;
    return begin(std::move(page));
}

ControlAnswer Listing::begin(Page&& page) {
    Directory& directory = router_.state().directory;
    if (page.search.empty() && !page.with_port && page.offset <= kSkipAtOnce) {  // the page alone is looked at
        auto take = [&](const auto& names) {
            for (auto at = names.upper_bound(page.after); at != names.end() && !page.more; ++at)
                if (!cast::wire::reserved_name(at->name)) see(page, at->name);
        };
        if (page.groups)
            take(directory.groups_by_name());
        else
            take(directory.nodes_by_name());
        page.total = page.groups ? directory.groups() - kOwnGroups : directory.nodes();
        page.active = directory.attached();
        return good(answer(page));
    }
    if (waiting_.size() >= kWaiting) return fail(ErrorCode::too_many, "too many searches wait: try again");
    std::transform(page.search.begin(), page.search.end(), page.search.begin(), small);
    page.borders = borders_of(page.search);
    waiting_.push_back(std::move(page));
    ControlAnswer deferred;
    deferred.deferred = true;
    return deferred;
}

bool Listing::go_on(Outbox& outbox) {
    std::size_t work = 0;
    while (!waiting_.empty() && work < kListingWork) {
        Page& page = waiting_.front();
        Directory& directory = router_.state().directory;
        const bool gone = router_.state().sessions.connection(page.to.connection) == nullptr;
        const bool done = gone || (page.groups ? advance(page, directory.groups_by_name(), work)
                                               : advance(page, directory.nodes_by_name(), work));
        if (!done) break;
        if (!gone) {
            const std::string text = good(answer(page)).text;
            work += text.size();
            outbox.answers.push_back({page.to, text});
        }
        waiting_.pop_front();
    }
    return !waiting_.empty();
}

/// True: it has looked at all.
template <class Names>
bool Listing::advance(Page& page, const Names& names, std::size_t& work) {
    for (auto at = names.upper_bound(page.at); at != names.end(); ++at) {
        if (work >= kListingWork) return false;
        const auto& one = *at;
        page.at = one.name;
        work += one.name.size() + kNameWork;
        if (cast::wire::reserved_name(one.name) || (page.with_port && !has_port(one))) continue;
        if (!matches(one.name, page.search, page.borders)) continue;
        ++page.total;
        page.active += is_active(one) ? 1 : 0;
        if (one.name > page.after) see(page, one.name);
    }
    return true;
}

void Listing::see(Page& page, const std::string& name) {
    if (page.offset > 0) {
        --page.offset;
    } else if (page.found.size() < page.limit) {
        page.found.push_back(name);
    } else {
        page.more = true;
    }
}

/// The page ends early when it has grown large, but never empty. What was deleted since it was found is left out.
json Listing::answer(const Page& page) const {
    State& state = router_.state();
    json all = json::array();
    std::size_t bytes = 0, at = 0;
    for (; at < page.found.size() && bytes < kPageBytes; ++at) {
        const Node* node = page.groups ? nullptr : state.directory.node(page.found[at]);
        const Group* group = page.groups ? state.directory.group(page.found[at]) : nullptr;
        if (node == nullptr && group == nullptr) continue;
        all.push_back(node != nullptr ? node_json(state, *node) : group_json(*group));
        bytes += size_of(all.back());
    }
    json out = {{"total", page.total}, {"next_after", nullptr}};
    if (at > 0 && (at < page.found.size() || page.more)) out["next_after"] = page.found[at - 1];
    if (!page.groups) out["active"] = page.active;
    out[page.groups ? "groups" : "nodes"] = std::move(all);
    return out;
}

}  // namespace broker
