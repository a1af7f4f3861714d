// Files over a real broker: all casts, pieces, interruptions on every side, redelivery, late and rude receivers.
#include <doctest/doctest.h>

#include <dirent.h>
#include <sys/stat.h>
#include <cast/transfer.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <future>
#include <random>

#include "base/sha256.hpp"
#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

namespace {

constexpr std::size_t kMiB = 1u << 20;

std::string random_bytes(std::size_t size, unsigned seed = 1) {
    std::mt19937_64 random(seed);
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; i += 8) {
        const std::uint64_t word = random();
        bytes.replace(i, std::min<std::size_t>(8, size - i), reinterpret_cast<const char*>(&word),
                      std::min<std::size_t>(8, size - i));
    }
    return bytes;
}

void write_file(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::vector<std::string> listing(const std::string& folder) {
    std::vector<std::string> names;
    DIR* dir = opendir(folder.c_str());
    while (const dirent* entry = dir == nullptr ? nullptr : readdir(dir))
        if (std::string_view(entry->d_name) != "." && std::string_view(entry->d_name) != "..")
            names.emplace_back(entry->d_name);
    if (dir != nullptr) closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
}

// Bytes in the parts of a folder.
std::uint64_t parts(const std::string& folder) {
    std::uint64_t sum = 0;
    for (const std::string& name : listing(folder)) {
        struct stat about {};
        if (name.rfind(".cast-", 0) == 0 && stat((folder + "/" + name).c_str(), &about) == 0)
            sum += static_cast<std::uint64_t>(about.st_size);
    }
    return sum;
}

using Names = std::vector<std::string>;

// A program that saves what `node` receives in `folder`, until so many files are there.
Process saver(const BrokerProcess& broker, const std::string& node, const std::string& folder, int files = 1) {
    return Process({program("nodectl"), "--broker", broker.url(), "recv", node, "-n", std::to_string(files), "-W", "60",
                    "--save-files", folder},
                   broker.path(node + ".out"), broker.path(node + ".err"));
}

void wait_attached(const BrokerProcess& broker, const Names& nodes) {
    Admin admin = administer(broker);
    for (const std::string& node : nodes) REQUIRE(eventually([&] { return attached(admin, node); }));
}

FileOptions options(const std::string& name, std::optional<std::uint64_t> size, const std::string& identity) {
    FileOptions o;
    o.name = name;
    o.size = size;
    o.identity = identity;
    o.patience = scaled(10000);
    return o;
}

// Waits until every receiver that has answered has so much.
void wait_held(FileSender& sender, std::uint64_t bytes, std::size_t receivers = 1) {
    REQUIRE(eventually([&] {
        must(sender.write_some({}));
        return sender.progress().receivers >= receivers && sender.progress().held >= bytes;
    }));
}

// Saves files within this program, as far as `until` wants.
void save(Node& node, FileReceiver& files, const std::function<bool(const FileEvent&)>& until) {
    for (;;) {
        const Message message = must(node.receive(scaled(20000)));
        const FileEvent event = files.take(message);
        if (until(event)) return;
    }
}
bool is_saved(const FileEvent& event) { return event.kind == FileEvent::Kind::saved; }

}  // namespace

TEST_CASE("three receivers get the same file, by each cast, and the sender hears that they saved it") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    const Names names = {"bob", "carl", "dave"};
    for (const auto& name : names) must(admin.create_node(name));
    must(admin.join("team", names));
    Node alice = attach(broker, "alice");
    const std::string bytes = random_bytes(9 * kMiB + 12345);
    write_file(broker.path("data.bin"), bytes);
    const std::pair<const char*, Message> casts[] = {{"unicast", Message::unicast(names, "")},
                                                     {"multicast", Message::multicast("team", "")},
                                                     {"broadcast", Message::broadcast("")}};
    for (const auto& one : casts) {
        CAPTURE(one.first);
        std::vector<Process> savers;
        for (const auto& name : names) savers.push_back(saver(broker, name, broker.path(name)));
        wait_attached(broker, names);
        const FileReport report = must(send_file(alice, broker.path("data.bin"), one.second));
        CHECK(report.size == bytes.size());
        CHECK(report.skipped == 0);
        CHECK(report.sha256 == base::sha256_hex(bytes));
        REQUIRE(report.outcomes.size() == 3);
        for (const auto& outcome : report.outcomes) CHECK(outcome.state == FileOutcome::State::saved);
        for (auto& process : savers) CHECK(process.wait(scaled(10000)) == 0);
        for (const auto& name : names)
            CHECK(read_file(broker.path(name) + "/" + report.outcomes.front().saved_as) == bytes);
    }
    CHECK(listing(broker.path("bob")) == Names{"data-1.bin", "data-2.bin", "data.bin"});
}

TEST_CASE("content that comes in pieces of any size, of unknown length, without ever waiting") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    Folder folder;
    FileReceiver files = must(FileReceiver::open(bob, folder / "in"));
    const std::string bytes = random_bytes(12 * kMiB + 7);
    auto saving = std::async(std::launch::async, [&] { save(bob, files, is_saved); });
    FileSender sender = must(FileSender::open(alice, Message::unicast("bob", ""), options("piped", std::nullopt, "")));
    std::size_t at = 0;
    for (std::size_t piece = 1; at < bytes.size(); piece = piece * 3 % 700001) {
        const auto begin = std::chrono::steady_clock::now();
        at += must(sender.write_some(std::string_view(bytes).substr(at, piece)));
        CHECK(std::chrono::steady_clock::now() - begin < scaled(2000));
    }
    std::optional<FileReport> report;
    REQUIRE(eventually([&] { return (report = must(sender.finish_some())).has_value(); }));
    CHECK(report->outcomes.at(0).state == FileOutcome::State::saved);
    saving.get();
    CHECK(read_file(folder / "in/piped") == bytes);
}

TEST_CASE("more or fewer bytes than announced are errors, and no file appears") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    Folder folder;
    FileReceiver files = must(FileReceiver::open(bob, folder / "in"));
    FileSender more = must(FileSender::open(alice, Message::unicast("bob", ""), options("more", 2 * kMiB, "")));
    CHECK(more.write(std::string(2 * kMiB + 1, 'x')).code() == ErrorCode::too_large);
    FileSender fewer = must(FileSender::open(alice, Message::unicast("bob", ""), options("fewer", 2 * kMiB, "")));
    must(fewer.write(std::string(kMiB, 'x')));
    CHECK(fewer.finish().code() == ErrorCode::invalid_argument);
    while (const auto message = bob.receive(scaled(200))) CHECK(files.take(*message).kind == FileEvent::Kind::part);
    for (const auto& name : listing(folder / "in")) CHECK(name[0] == '.');
    CHECK(send_file(alice, folder / "none", Message::unicast("bob", "")).code() == ErrorCode::invalid_argument);
    CHECK(send_file(alice, folder / "in", Message::unicast("bob", "")).code() == ErrorCode::invalid_argument);
    CHECK(FileSender::open(alice, Message(), options("x", 1, "")).code() == ErrorCode::invalid_argument);
    CHECK(FileSender::open(alice, Message::unicast("bob", ""), options("x/", 1, "")).code() ==
          ErrorCode::invalid_argument);
}

TEST_CASE("an interrupted sender goes on where its receivers are") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    const Names names = {"bob", "carl", "dave"};
    must(admin.join("team", {}));
    const std::string bytes = random_bytes(16 * kMiB);
    for (const bool group : {false, true}) {
        CAPTURE(group);
        std::vector<Process> savers;
        const std::string sub = group ? "-group" : "-uni";
        for (const auto& name : names) savers.push_back(saver(broker, name, broker.path(name + sub)));
        wait_attached(broker, names);
        if (group) must(admin.join("team", names));
        const Message to = group ? Message::multicast("team", "") : Message::unicast(names, "");
        {
            Node alice = attach(broker, "alice");
            FileSender sender = must(FileSender::open(alice, to, options("big", bytes.size(), "v1")));
            must(sender.write(std::string_view(bytes).substr(0, 12 * kMiB)));
            wait_held(sender, 11 * kMiB, 3);
        }
        Node alice = attach(broker, "alice");
        FileOptions again = options("big", bytes.size(), "v1");
        again.answer_time = scaled(10000);  // all are there to say what they have
        FileSender sender = must(FileSender::open(alice, to, again));
        must(sender.write(bytes));
        const FileReport report = must(sender.finish());
        must(report.result());
        CHECK(report.skipped >= 11 * kMiB);
        for (auto& process : savers) CHECK(process.wait(scaled(10000)) == 0);
        for (const auto& name : names) CHECK(read_file(broker.path(name + sub) + "/big") == bytes);
    }
}

TEST_CASE("a sender that is killed sends the rest when it is started again") {
    BrokerProcess broker;
    Process bob = saver(broker, "bob", broker.path("in"));
    wait_attached(broker, {"bob"});
    const std::string bytes = random_bytes(40 * kMiB);
    write_file(broker.path("big"), bytes);
    auto send = [&] {
        return Process(
            {program("nodectl"), "--broker", broker.url(), "send", "--unicast", "bob", "--file", broker.path("big")},
            broker.path("send.out"), broker.path("send.err"));
    };
    Process first = send();
    REQUIRE(eventually([&] { return parts(broker.path("in")) >= 2 * kMiB; }));
    bob.signal(SIGSTOP);  // it cannot finish: the sender may be 8 MiB ahead and no more
    first.kill();
    bob.signal(SIGCONT);
    const std::uint64_t had = parts(broker.path("in"));
    CHECK(had < bytes.size());
    const std::string before = must(administer(broker).stats());
    Process second = send();
    CHECK(second.wait(scaled(30000)) == 0);
    CHECK(bob.wait(scaled(10000)) == 0);
    CHECK(read_file(broker.path("in") + "/big") == bytes);
    CHECK(listing(broker.path("in")) == Names{"big"});
    auto unicasts = [](const std::string& stats) { return std::stoul(stats.substr(stats.find("\"unicast\":") + 10)); };
    CHECK(unicasts(must(administer(broker).stats())) - unicasts(before) < (bytes.size() - had) / (256 * 1024) + 50);
}

TEST_CASE("a receiver that is killed goes on with its part and with what its mailbox delivers again") {
    BrokerProcess broker;
    must(administer(broker).create_node("bob"));
    Node alice = attach(broker, "alice");
    const std::string bytes = random_bytes(24 * kMiB);
    FileSender sender = must(FileSender::open(alice, Message::unicast("bob", ""), options("big", bytes.size(), "v1")));
    std::uint64_t had = 0;
    for (std::size_t at = 0; at < 24 * kMiB; at += 8 * kMiB) {
        Process bob = saver(broker, "bob", broker.path("in"));
        must(sender.write(std::string_view(bytes).substr(at, 8 * kMiB)));
        if (at == 16 * kMiB) {
            const FileReport report = must(sender.finish());
            CHECK(report.outcomes.at(0).state == FileOutcome::State::saved);
            CHECK(bob.wait(scaled(10000)) == 0);
        } else {
            wait_held(sender, at + 6 * kMiB);
            bob.kill();
            CHECK(parts(broker.path("in")) >= at + 6 * kMiB);
            CHECK(parts(broker.path("in")) > had);
            had = parts(broker.path("in"));
        }
    }
    CHECK(read_file(broker.path("in") + "/big") == bytes);
    CHECK(listing(broker.path("in")) == Names{"big"});
}

TEST_CASE("a receiver whose part is gone gets the front again: at once if it is kept, else at the end from the file") {
    BrokerProcess broker;
    must(administer(broker).create_node("bob"));
    Node alice = attach(broker, "alice");
    const std::string bytes = random_bytes(30 * kMiB);
    write_file(broker.path("big"), bytes);
    Process bob = saver(broker, "bob", broker.path("in"));
    bool lost = false;
    FileOptions o = options("", {}, "");
    o.on_progress = [&](const FileProgress& progress) {
        if (lost || progress.held < 16 * kMiB) return true;
        bob.kill();
        for (const auto& name : listing(broker.path("in")))
            CHECK(std::remove((broker.path("in") + "/" + name).c_str()) == 0);
        bob = saver(broker, "bob", broker.path("in"));
        return lost = true;
    };
    const FileReport report = must(send_file(alice, broker.path("big"), Message::unicast("bob", ""), o));
    CHECK(lost);
    CHECK(report.outcomes.at(0).error.text() == Error{ErrorCode::ok, {}}.text());
    CHECK(report.outcomes.at(0).state == FileOutcome::State::saved);
    CHECK(bob.wait(scaled(10000)) == 0);
    CHECK(read_file(broker.path("in") + "/big") == bytes);
}

TEST_CASE("a transfer survives a broker that is killed and loses what it held") {
    BrokerProcess broker;
    Node alice = attach(broker, "alice");
    Process bob = saver(broker, "bob", broker.path("in"));
    wait_attached(broker, {"bob"});
    const std::string bytes = random_bytes(16 * kMiB);
    FileSender sender = must(FileSender::open(alice, Message::unicast("bob", ""), options("big", bytes.size(), "v1")));
    must(sender.write(std::string_view(bytes).substr(0, 4 * kMiB)));
    wait_held(sender, 3 * kMiB);
    bob.signal(SIGSTOP);
    must(sender.write(std::string_view(bytes).substr(4 * kMiB, 4 * kMiB)));
    broker.kill();
    bob.signal(SIGCONT);
    broker.restart();
    must(sender.write(std::string_view(bytes).substr(8 * kMiB)));
    const FileReport report = must(sender.finish());
    must(report.result());
    CHECK(report.outcomes.at(0).state == FileOutcome::State::saved);
    CHECK(bob.wait(scaled(10000)) == 0);
    CHECK(read_file(broker.path("in") + "/big") == bytes);
}

TEST_CASE("a member that joins in the middle gets the whole file, too") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Node alice = attach(broker, "alice"), bob = attach(broker, "bob");
    must(bob.join("team"));
    Folder folder;
    FileReceiver bobs = must(FileReceiver::open(bob, folder / "bob"));
    auto saving = std::async(std::launch::async, [&] { save(bob, bobs, is_saved); });
    std::optional<Process> carl;
    const std::string bytes = random_bytes(30 * kMiB);
    write_file(folder / "big", bytes);
    FileOptions o = options("", {}, "");
    o.on_progress = [&](const FileProgress& progress) {
        if (carl || progress.held < 12 * kMiB) return true;
        carl.emplace(saver(broker, "carl", folder / "carl"));
        wait_attached(broker, {"carl"});
        must(admin.join("team", {"carl"}));
        return true;
    };
    const FileReport report = must(send_file(alice, folder / "big", Message::multicast("team", ""), o));
    must(report.result());
    CHECK(report.outcomes.size() == 2);
    saving.get();
    CHECK(carl->wait(scaled(10000)) == 0);
    CHECK(read_file(folder / "bob/big") == bytes);
    CHECK(read_file(folder / "carl/big") == bytes);
}

TEST_CASE("what was saved and not acknowledged is not saved twice") {
    BrokerProcess broker;
    must(administer(broker).create_node("bob"));
    Node alice = attach(broker, "alice");
    Folder folder;
    for (const std::size_t size : {std::size_t{100}, 3 * kMiB}) {
        const std::string bytes = random_bytes(size), name = std::to_string(size);
        write_file(folder / name, bytes);
        for (int attempt = 0; attempt < 2; ++attempt) {
            Node bob = attach(broker, "bob", [](Options& o) { o.manual_ack = true; });
            FileReceiver files = must(FileReceiver::open(bob, folder / "in"));
            std::future<void> sending;
            if (attempt == 0)
                sending = std::async(std::launch::async,
                                     [&] { must(send_file(alice, folder / name, Message::unicast("bob", ""))); });
            save(bob, files, [&](const FileEvent& event) {
                if (attempt == 0 && event.held < size && event.held >= kMiB / 2) bob.ack();  // the window is 1 MiB
                return is_saved(event);
            });
            if (attempt == 0) sending.get();
            if (attempt == 1) bob.ack();
        }
        CHECK(read_file(folder / ("in/" + name)) == bytes);
    }
    CHECK(listing(folder / "in") == Names{"100", "3145728"});
}

TEST_CASE("two senders at once, of one name or of one node, do not mix") {
    BrokerProcess broker;
    const std::string one = random_bytes(5 * kMiB, 1), two = random_bytes(5 * kMiB, 2);
    Process bob = saver(broker, "bob", broker.path("in"), 4);
    wait_attached(broker, {"bob"});
    auto send = [&](const std::string& from, const std::string& bytes) {
        return std::async(std::launch::async, [&, from] {
            Node node = attach(broker, from, [](Options& o) { o.send_only = true; });
            FileSender sender =
                must(FileSender::open(node, Message::unicast("bob", ""), options("f", bytes.size(), "same")));
            must(sender.write(bytes));
            return must(sender.finish()).outcomes.at(0).saved_as;
        });
    };
    auto a = send("alice", one), b = send("carol", two), c = send("carol", two), d = send("dora", one);
    for (const auto& name : {a.get(), d.get()}) CHECK(read_file(broker.path("in") + "/" + name) == one);
    for (const auto& name : {b.get(), c.get()}) CHECK(read_file(broker.path("in") + "/" + name) == two);
    bob.kill();
    for (const auto& name : listing(broker.path("in"))) CHECK(name[0] == 'f');
}

TEST_CASE("a target that fails does not keep the file from the others") {
    BrokerProcess broker({"--mailbox-bytes", "1MiB"});
    Admin admin = administer(broker);
    must(admin.create_node("away"));
    Node alice = attach(broker, "alice", [](Options& o) { o.send_timeout = scaled(3000); });
    Process bob = saver(broker, "bob", broker.path("in"));
    wait_attached(broker, {"bob"});
    const std::string bytes = random_bytes(8 * kMiB);
    write_file(broker.path("big"), bytes);
    const FileReport report =
        must(send_file(alice, broker.path("big"), Message::unicast({"nobody", "away", "bob"}, "")));
    REQUIRE(report.outcomes.size() == 3);
    CHECK(report.outcomes[0].error.code == ErrorCode::no_such_node);
    CHECK(report.outcomes[1].error.code == ErrorCode::mailbox_full);
    CHECK(report.outcomes[2].state == FileOutcome::State::saved);
    CHECK(report.result().code() == ErrorCode::no_such_node);
    CHECK(read_file(broker.path("in") + "/big") == bytes);
    CHECK(send_file(alice, broker.path("big"), Message::unicast("nobody", "")).code() == ErrorCode::no_such_node);
}
