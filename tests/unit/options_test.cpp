// Options: where they come from, which source wins, what is refused with which words, and that the shipped
// configuration file documents them all. Tests of broker/options and broker/settings; no daemon runs.
#include "config/options.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "config/config_file.hpp"
#include "config/settings.hpp"
#include "server/broker.hpp"

using namespace std::chrono_literals;
using broker::Options;
using broker::Parsed;

namespace {

/// A command line, an environment and a configuration file, all gone at the end of the test.
class Scene {
public:
    Scene() : folder_(std::filesystem::temp_directory_path() / ("cast-options-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder_);
    }
    ~Scene() {
        for (const auto& name : set_) ::unsetenv(name.c_str());
        std::filesystem::remove_all(folder_);
    }
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;

    void environment(const std::string& name, const std::string& value) {
        ::setenv(name.c_str(), value.c_str(), 1);
        set_.push_back(name);
    }

    std::string file(const std::string& text, const std::string& name = "broker.toml") const {
        const auto path = folder_ / name;
        std::ofstream(path, std::ios::binary) << text;
        return path.string();
    }

    std::string folder() const { return folder_.string(); }

private:
    std::filesystem::path folder_;
    std::vector<std::string> set_;
};

Parsed parse(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv{"cast-broker"};
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    return broker::parse_options(static_cast<int>(argv.size()), argv.data());
}

Options accepted(const std::vector<std::string>& arguments) {
    const auto parsed = parse(arguments);
    INFO(parsed.text);
    REQUIRE_FALSE(parsed.exit_code.has_value());
    return parsed.options;
}

/// The text that a refused command line is answered with.
std::string refused(const std::vector<std::string>& arguments) {
    const auto parsed = parse(arguments);
    REQUIRE(parsed.exit_code.has_value());
    CHECK(*parsed.exit_code == 2);
    return parsed.text;
}

std::string file_refused(const std::string& text) {
    const Scene scene;
    return refused({"--config", scene.file(text)});
}

bool says(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

/// conf/cast-broker.toml with every setting uncommented: "#name = value" becomes "name = value".
std::string shipped_file() {
    std::ifstream file(CAST_SOURCE_DIR "/conf/cast-broker.toml");
    REQUIRE(file.good());
    std::string text, line;
    while (std::getline(file, line)) {
        const bool setting = line.size() > 1 && line[0] == '#' && line[1] >= 'a' && line[1] <= 'z';
        text += (setting ? line.substr(1) : line) + "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("without flags, environment and file everything is at its default") { CHECK(accepted({}) == Options{}); }

TEST_CASE("the shipped file parses as it is, and says nothing but the defaults when all is uncommented") {
    CHECK(accepted({"--config", CAST_SOURCE_DIR "/conf/cast-broker.toml"}) == Options{});
    const Scene scene;
    CHECK(accepted({"--config", scene.file(shipped_file())}) == Options{});
}

TEST_CASE("the shipped file documents every setting once, under its default value") {
    const Scene scene;
    const auto file = broker::read_config_file(scene.file(shipped_file()));
    REQUIRE(file.error.empty());
    for (const auto& setting : broker::all_settings()) {
        CAPTURE(setting.name);
        CHECK(std::ranges::count(file.entries, setting.name, &broker::ConfigEntry::key) == 1);
    }
    CHECK(file.entries.size() == broker::all_settings().size());

    std::istringstream lines(shipped_file());
    std::string line, values;
    while (std::getline(lines, line)) {
        if (!line.empty() && line[0] != '#') values += line + "\n";
    }
    CHECK(values == broker::describe(Options{}));
}

TEST_CASE("each setting is a flag, an environment variable and a key, and they mean the same") {
    const std::map<std::string, std::string> others{{"bind", "tcp://127.0.0.1:7000"},
                                                    {"publish", "ipc:///tmp/x"},
                                                    {"endpoints-file", "/tmp/ends"},
                                                    {"ipc-mode", "0660"},
                                                    {"ipc-group", "cast"},
                                                    {"data", "/tmp/data"},
                                                    {"durability", "os"},
                                                    {"when-full", "reject"},
                                                    {"log-level", "debug"},
                                                    {"log-format", "json"},
                                                    {"http", "[::1]:0"},
                                                    {"node-address", "::1"},
                                                    {"dev", "/tmp/page"}};
    for (const auto& setting : broker::all_settings()) {
        CAPTURE(setting.name);
        const auto known = others.find(std::string(setting.name));
        const bool yes_no = std::holds_alternative<bool broker::Options::*>(setting.kind);
        std::string value = known == others.end() ? yes_no ? "true" : "" : known->second;
        if (std::holds_alternative<broker::SizeRange>(setting.kind)) value = "3MiB";
        if (std::holds_alternative<broker::CountRange>(setting.kind))
            value = setting.name == "io-threads" ? "7" : "321";
        if (std::holds_alternative<broker::TimeRange>(setting.kind)) value = "9500ms";
        const std::string name(setting.name);
        const auto by_flag = accepted({"--" + name + (yes_no ? "" : "=" + value)});
        CHECK_FALSE(by_flag == Options{});

        Scene scene;
        const auto quoted = yes_no ? value : "\"" + value + "\"";
        CHECK(accepted({"--config", scene.file(name + " = " + quoted)}) == by_flag);
        scene.environment(broker::environment_name(name), value);
        CHECK(accepted({}) == by_flag);
    }
}

TEST_CASE("flags come before the environment, the environment before the file, the file before the default") {
    Scene scene;
    const auto path = scene.file("max-nodes = 1\nmax-groups = 1\nmax-connections = 1\n");
    scene.environment("CAST_BROKER_MAX_NODES", "2");
    scene.environment("CAST_BROKER_MAX_GROUPS", "2");
    const auto options = accepted({"--config", path, "--max-nodes", "3"});
    CHECK(options.max_nodes == 3);
    CHECK(options.max_groups == 2);
    CHECK(options.max_connections == 1);
    CHECK(options.mailbox_messages == Options{}.mailbox_messages);
}

TEST_CASE("the file can be named by the environment, and an empty variable counts as unset") {
    Scene scene;
    scene.environment("CAST_BROKER_CONFIG", scene.file("max-nodes = 7"));
    scene.environment("CAST_BROKER_MAX_GROUPS", "");
    const auto options = accepted({});
    CHECK(options.max_nodes == 7);
    CHECK(options.max_groups == Options{}.max_groups);
    CHECK(accepted({"--config", scene.file("max-nodes = 8", "other.toml")}).max_nodes == 8);
}

TEST_CASE("several ends: by repeating the flag, with commas in the environment, as a list in the file") {
    const std::vector<std::string> two{"tcp://127.0.0.1:0", "ipc:///tmp/a#b.sock"};
    CHECK(accepted({"--bind", two[0], "--bind", two[1]}).bind == two);
    Scene scene;
    CHECK(accepted({"--config", scene.file("bind = [\n  \"" + two[0] + "\",\n  \"" + two[1] + "\", # last\n]")}).bind ==
          two);
    scene.environment("CAST_BROKER_BIND", two[0] + "," + two[1]);
    CHECK(accepted({}).bind == two);
}

TEST_CASE("forms of ends") {
    for (const char* good :
         {"tcp://*:5570", "tcp://0.0.0.0:*", "tcp://[::1]:0", "tcp://eth0:1", "ipc:///run/x", "ipc://@x"}) {
        CAPTURE(good);
        CHECK(broker::url_fault(good).empty());
    }
    for (const char* bad :
         {"", "5570", "127.0.0.1:5570", "tcp://", "tcp://:1", "tcp://host", "tcp://host:", "tcp://h:65536",
          "tcp://h:1x", "tcp://h:-1", "tcp://::1:5", "ipc://", "inproc://x", "udp://h:1", "TCP://h:1"}) {
        CAPTURE(bad);
        CHECK_FALSE(broker::url_fault(bad).empty());
        CHECK(says(refused({"--bind", bad}), "--bind: "));
    }
    CHECK(says(broker::url_fault("ipc://" + std::string(108, 'x')), "107 bytes"));
}

TEST_CASE("the same end cannot serve twice, free ports can") {
    CHECK(says(refused({"--publish", "tcp://127.0.0.1:5570"}), "\"tcp://127.0.0.1:5570\" is given twice"));
    CHECK(accepted({"--bind", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0"}).bind.size() == 1);
}

TEST_CASE("a value that is no value is named with its source, and says what would be one") {
    CHECK(says(refused({"--max-message", "12XB"}), "cast-broker: --max-message: \"12XB\" is not a size; write 65536"));
    CHECK(says(refused({"--max-message", "65MiB"}), "--max-message: \"65MiB\" is too large; the most is 64MiB"));
    CHECK(says(refused({"--max-nodes=0"}), "\"0\" is too small; the least is 1"));
    CHECK(says(refused({"--max-nodes=-1"}), "is not a whole number"));
    CHECK(says(refused({"--grace-time", "30x"}), "\"30x\" is not a duration; write 250ms"));
    CHECK(says(refused({"--log-level", "loud"}), "is not one of: trace, debug, info, warning, error"));
    CHECK(says(refused({"--log-format", "\x1b[31m"}), "\"?[31m\""));
    CHECK(says(refused({"--memory", "--data", "/tmp/x"}), "has no data directory"));
    CHECK(says(refused({"--memory", "--backup", "/tmp/x"}), "name it with --data DIR"));
    CHECK(says(refused({"--durability", "maybe"}), "is not one of: fsync, os, memory"));
    CHECK(says(refused({"--dead-after", "1s"}), "longer than ping-interval"));
    Scene scene;
    scene.environment("CAST_BROKER_HOLD_BACK", "soon");
    CHECK(says(refused({}), "CAST_BROKER_HOLD_BACK: \"soon\" is not a duration"));
}

TEST_CASE("mistakes on the command line") {
    CHECK(says(refused({"--no-such-flag"}), "--no-such-flag"));
    CHECK(says(refused({"stray"}), "stray"));
    CHECK(says(refused({"--max-message"}), "--max-message"));
    CHECK(says(refused({"--max-message", "1", "--max-message", "2"}), "--max-message"));
    CHECK(says(refused({"--bind", "tcp://*:1", "tcp://*:2"}), "tcp://*:2"));
}

TEST_CASE("mistakes in the file are named with file and line, all at once") {
    const Scene scene;
    const auto path = scene.file("# first\nmax-mesage = 3\n\nmax-nodes = \"many\"\nbind = \"nowhere\"\n");
    const auto text = refused({"--config", path});
    CHECK(says(text, path + ":2: unknown key \"max-mesage\"; did you mean \"max-message\"?"));
    CHECK(says(text, path + ":4: max-nodes: \"many\" is not a whole number"));
    CHECK(says(text, path + ":5: bind: \"nowhere\" is not an end"));
    CHECK(says(refused({"--config", path, "--max-nodes", "3"}), ":4: max-nodes"));  // also when a flag overrides it
}

TEST_CASE("the page and the ports of nodes are for this machine alone, unless --insecure says otherwise") {
    for (const char* end : {"off", "127.0.0.1:8000", "127.9.9.9:0", "localhost:1", "[::1]:0"})
        CHECK(accepted({"--http", end}).http == end);
    for (const char* end :
         {"0.0.0.0:8000", "10.0.0.1:8000", "[::]:0", "127.0.0.1.evil.org:80", "example.org:80", "*:80"}) {
        CHECK(says(refused({"--http", end}), "--insecure allows it"));
        CHECK(accepted({"--insecure", "--http", end}).http == end);
    }
    CHECK(says(refused({"--node-address", "0.0.0.0"}), "--insecure allows it"));
    CHECK(accepted({"--insecure", "--node-address", "0.0.0.0"}).node_address == "0.0.0.0");
    for (const char* end : {"8000", "on", "localhost", ":80", "::1:80", "127.0.0.1:65536", "http://127.0.0.1:80"})
        CHECK(says(refused({std::string("--http=") + end}), "neither HOST:PORT nor off"));
}

TEST_CASE("ends are for this machine alone, unless --insecure says otherwise") {
    for (const char* setting : {"bind", "publish"}) {
        const std::string flag = "--" + std::string(setting);
        for (const char* end : {"tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1", "tcp://127.0.0.2:*",
                                "ipc:///run/x", "ipc://@x"})
            CHECK(accepted({flag, end}) != Options{});
        for (const char* end : {"tcp://0.0.0.0:1", "tcp://*:1", "tcp://[::]:1", "tcp://10.0.0.1:1", "tcp://eth0:1",
                                "tcp://example.org:1", "tcp://localhost.example.org:1"}) {
            CAPTURE(end);
            CHECK(says(refused({flag, end}),
                       std::string(setting) + ": \"" + end +
                           "\" is open to other machines, and there are no users yet; --insecure allows it"));
            CHECK(says(refused({flag, "tcp://127.0.0.1:1", flag, end}), "--insecure allows it"));
            CHECK(accepted({"--insecure", flag, end}).insecure);
        }
    }
}

TEST_CASE("the mode of ipc ends is octal, their group a name") {
    CHECK(accepted({}).ipc_mode == 0600);
    constexpr std::pair<const char*, std::uint32_t> kGood[] = {{"0660", 0660}, {"660", 0660}, {"0", 0}, {"0777", 0777}};
    for (const auto& [text, mode] : kGood) CHECK(accepted({"--ipc-mode", text}).ipc_mode == mode);
    for (const char* bad : {"8", "0680", "rw-rw----", "1777", "00660", "-1", "0x1b"})
        CHECK(says(refused({std::string("--ipc-mode=") + bad}), "is no mode; write it in octal: 0600, 0660 or 0666"));
    CHECK(accepted({"--ipc-group", "cast"}).ipc_group == "cast");
    CHECK(says(refused({"--ipc-group", "a b"}), "is no name of a group"));
    const Scene scene;
    CHECK(accepted({"--config", scene.file("ipc-mode = \"0660\"\nipc-group = \"cast\"\n")}).ipc_mode == 0660);
    CHECK(accepted({"--config", scene.file("ipc-mode = 0660")}).ipc_mode == 0660);
    CHECK(says(parse({"--check-config", "--ipc-mode=660"}).text, "ipc-mode = \"0660\"\n"));
}

TEST_CASE("files that are no configuration") {
    CHECK(says(file_refused("max-nodes 5"), ":1: "));
    CHECK(says(file_refused("\n\nmax-nodes = "), ":3: "));
    CHECK(says(file_refused("bind = [\"tcp://*:1\""), ":1: "));
    CHECK(says(file_refused("max-nodes = 1\nmax-nodes = 2"), ":2: "));
    CHECK(says(file_refused("max-nodes = [1, 2]"), "takes one value, not 2"));
    CHECK(says(file_refused("max-nodes = 1.5"), ":1: expected a value: a string in quotes"));
    CHECK(says(file_refused("max-nodes = -5"), "is not a whole number"));
    CHECK(says(file_refused("bind = []"), "at least one end"));
    CHECK(says(file_refused("[limits]\nmax-nodes = 1"), ":1: sections are not used here"));
    CHECK(says(file_refused(std::string("\0\xff\xfe\x01garbage", 11)), ":1: "));
    CHECK(says(file_refused(std::string((1u << 20) + 1, '#')), "1 MiB"));
    CHECK(says(file_refused("bind = " + std::string(100000, '[')), ":1: "));
    const Scene scene;
    CHECK(says(refused({"--config", scene.folder() + "/none.toml"}), "none.toml: cannot read it: No such file"));
    CHECK(says(refused({"--config", scene.folder()}), "not a regular file"));
}

TEST_CASE("help, version and the check of a configuration end with 0 and a text") {
    const auto help = parse({"--help"});
    CHECK(help.exit_code == 0);
    for (const auto& setting : broker::all_settings()) CHECK(says(help.text, "--" + std::string(setting.name)));
    CHECK(says(help.text, "CAST_BROKER_MAX_MESSAGE"));
    CHECK(parse({"--version"}).text == "cast-broker " CAST_VERSION "\n");
    CHECK(parse({"--version"}).exit_code == 0);

    const auto check = parse({"--check-config", "--max-message=2MiB"});
    CHECK(check.exit_code == 0);
    CHECK(says(check.text, "max-message = \"2MiB\"\n"));
    const Scene scene;
    CHECK(accepted({"--config", scene.file(check.text)}).max_message == 2 << 20);  // it is a file itself
    CHECK(says(refused({"--check-config", "--max-message=0"}), "too small"));
}

TEST_CASE("a reload takes over limits, times and logging, and names what needs a restart") {
    Options running;
    const auto fresh = accepted({"--bind=tcp://127.0.0.1:1", "--log-level=debug", "--max-nodes=5", "--grace-time=1s"});
    const auto reload = broker::reload_options(running, fresh);
    CHECK(reload.changed == std::vector<std::string>{"log-level", "max-nodes", "grace-time"});
    CHECK(reload.needs_restart == std::vector<std::string>{"bind"});
    CHECK(running.max_nodes == 5);
    CHECK(running.log_level == broker::LogLevel::debug);
    CHECK(running.bind == Options{}.bind);
    CHECK(broker::reload_options(running, fresh).changed.empty());
}

TEST_CASE("a broker without settings keeps to the core's own defaults") {
    Options options;
    options.memory = true;  // with a store, the window of senders is doubled
    broker::Config config = broker::core_config(options);
    config.hash_secret = broker::kDefaults.hash_secret;
    CHECK((config == broker::kDefaults));
}
