// nodectl/input/json_lines.hpp: one line of 'send --jsonl' becomes an envelope and a payload.
#include <doctest/doctest.h>

#include <string>

#include "nodectl/input/json_lines.hpp"

using namespace nodectl;

namespace {

struct Parsed {
    std::string problem;
    Envelope envelope;
    std::string payload;
};

Parsed parse(std::string_view line, Envelope envelope = {}) {
    Parsed parsed{{}, std::move(envelope), {}};
    parsed.problem = parse_json_line(line, parsed.envelope, parsed.payload).value_or("");
    return parsed;
}

}  // namespace

TEST_CASE("a line names its target, its payload and what else it carries") {
    const Parsed p = parse(R"({"to":["bob","carol"],"payload":"hi","type":"text/html",)"
                           R"("headers":{"k":"v","n":7},"priority":9,"ttl":"30s","id":"x"})");
    CHECK(p.problem == "");
    CHECK(p.envelope.nodes == std::vector<std::string>{"bob", "carol"});
    CHECK(p.payload == "hi");
    CHECK(p.envelope.type == "text/html");
    CHECK(p.envelope.headers == std::vector<std::pair<std::string, std::string>>{{"k", "v"}, {"n", "7"}});
    CHECK(p.envelope.priority == 9);
    CHECK(p.envelope.ttl == Milliseconds(30000));
    CHECK(p.envelope.id == "x");
}

TEST_CASE("group and broadcast are targets, too, and a line's own target replaces the command line's") {
    CHECK(parse(R"({"group":"team","payload":""})").envelope.group == "team");
    CHECK(parse(R"({"broadcast":true,"payload":""})").envelope.broadcast);
    Envelope command;
    command.nodes = {"bob"};
    CHECK(parse(R"({"payload":"x"})", command).envelope.nodes == std::vector<std::string>{"bob"});
    const Parsed p = parse(R"({"group":"team","payload":"x"})", command);
    CHECK(p.envelope.nodes.empty());
    CHECK(p.envelope.group == "team");
}

TEST_CASE("a payload that is no string is JSON, one in base64 any bytes") {
    const Parsed object = parse(R"({"to":"bob","payload":{"a":[1,2]}})");
    CHECK(object.payload == R"({"a":[1,2]})");
    CHECK(object.envelope.type == "json");
    CHECK(parse(R"({"to":"bob","payload":null})").payload == "null");
    CHECK(parse(R"({"to":"bob","payload_b64":"AP8="})").payload == std::string("\0\xff", 2));
    CHECK(parse(R"({"to":"bob","payload":"x","unknown":1,"sender":"mallory","time":5})").problem == "");
}

TEST_CASE("what is wrong with a line is said in words") {
    constexpr std::pair<const char*, const char*> kBad[] = {
        {"", "not JSON"},
        {"hello", "not JSON"},
        {"[]", "not a JSON object"},
        {"7", "not a JSON object"},
        {"{}", "no target"},
        {R"({"payload":"x"})", "no target"},
        {R"({"to":"bob"})", "payload"},
        {R"({"to":7,"payload":"x"})", "\"to\""},
        {R"({"to":[],"payload":"x"})", "\"to\""},
        {R"({"to":["a",7],"payload":"x"})", "\"to\""},
        {R"({"to":"a","group":"b","payload":"x"})", "exclude"},
        {R"({"group":"","payload":"x"})", "\"group\""},
        {R"({"broadcast":"yes","payload":"x"})", "\"broadcast\""},
        {R"({"to":["bob"," al"],"payload":"x"})", "invalid_name: ' al'"},
        {R"({"to":["bob",""],"payload":"x"})", "invalid_name: ''"},
        {R"({"to":"a\u0007","payload":"x"})", "invalid_name: 'a\\x07'"},
        {R"({"group":"my team","payload":"x"})", "invalid_name"},
        {R"({"to":"bob","payload":"x","at":"2500-01-01T00:00"})", "2262-04-11"},
        {R"({"to":"b","payload":"x","at":20242700000})", "2262-04-11"},
        {R"({"to":"bob","payload":"x","ttl":"4000d"})", "3660 days"},
        {R"({"to":"bob","payload":"x","delay":1e30})", "3660 days"},
        {R"({"to":"bob","payload_b64":"?"})", "base64"},
        {R"({"to":"bob","payload_b64":7})", "base64"},
        {R"({"to":"bob","payload":"x","priority":10})", "priority"},
        {R"({"to":"bob","payload":"x","priority":"high"})", "priority"},
        {R"({"to":"bob","payload":"x","priority":1.5})", "priority"},
        {R"({"to":"bob","payload":"x","ttl":"soon"})", "ttl"},
        {R"({"to":"bob","payload":"x","ttl":-1})", "ttl"},
        {R"({"to":"bob","payload":"x","type":7})", "type"},
        {R"({"to":"bob","payload":"x","headers":[]})", "headers"},
        {"{\"to\":\"bob\",\"payload\":\"\xff\"}", "not JSON"}};
    for (const auto& bad : kBad) {
        CAPTURE(bad.first);
        const std::string problem = parse(bad.first).problem;
        CAPTURE(problem);
        CHECK(problem.find(bad.second) != std::string::npos);
    }
}
