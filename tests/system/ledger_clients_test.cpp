// The ledger with clients that are killed, too: writers and readers are processes that note on disk what they are about
// to send, what was receipted, and what they have handled. Broker and clients are killed with -9 at random moments.
// Afterwards: everything that was receipted was handled, in order, nothing that nobody sent, and nothing twice by one
// life of a reader. CAST_LEDGER_KILLS says how often (20).
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

namespace {

std::string setting(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// Lines that outlive a kill: each is with the kernel when note() returns.
class Journal {
public:
    explicit Journal(const std::string& path)
        : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
    ~Journal() { ::close(fd_); }
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    void note(const std::string& line) const {
        if (::write(fd_, (line + "\n").data(), line.size() + 1) < 0) fail_test("the journal cannot be written");
    }

private:
    int fd_;
};

/// What a writer has noted.
struct Written {
    int attempted = 0;
    std::vector<std::pair<int, int>> receipted;
    std::string refused;  ///< the codes

    explicit Written(const std::string& path) {
        std::istringstream lines(read_file(path));
        std::string word;
        int from = 0, to = 0;
        while (lines >> word >> from >> to) {
            if (word == "try")
                attempted = to;
            else if (word == "have")
                receipted.emplace_back(from, to);
            else
                refused += error_name(static_cast<ErrorCode>(from)) + std::string(" ");
        }
    }
};

/// What a reader has noted, checked as it is read.
struct Handled {
    std::map<std::string, std::set<int>> numbers;  ///< by sender
    std::string fault;
    int repeated = 0;

    explicit Handled(const std::string& path) {
        std::istringstream lines(read_file(path));
        std::string sender;
        int life = 0, number = 0;
        std::map<std::pair<int, std::string>, int> last;
        while (lines >> life >> sender >> number) {
            int& before = last[{life, sender}];
            if (number <= before)
                fault = "life " + std::to_string(life) + " got " + std::to_string(number) + " of " + sender +
                        " after " + std::to_string(before);
            before = number;
            if (!numbers[sender].insert(number).second) ++repeated;
        }
    }
    /// What of a writer's receipted messages is not there, as "sender number" lines; at most the first ten.
    std::string missing(const std::string& sender, const Written& written) const {
        const auto at = numbers.find(sender);
        std::string all;
        int count = 0;
        for (const auto& [from, to] : written.receipted)
            for (int number = from; number <= to; ++number)
                if ((at == numbers.end() || at->second.count(number) == 0) && ++count <= 10)
                    all += sender + " " + std::to_string(number) + "\n";
        return count <= 10 ? all : all + "and " + std::to_string(count - 10) + " more\n";
    }
};

Node attach_somehow(const Options& options, const std::string& name) {
    for (;;) {
        auto node = Node::attach(name, options);
        if (node) return std::move(node).value();
    }
}

bool stopped() { return ::access(setting("LEDGER_STOP").c_str(), F_OK) == 0; }

void write_on(const Options& options, const std::string& name, const std::string& path) {
    int next = Written(path).attempted + 1;
    const Journal journal(path);
    Options mine = options;
    mine.on_refused = [&](const Refusal& refusal) {
        journal.note("refused " + std::to_string(static_cast<int>(refusal.code)) + " 0");
    };
    Node node = attach_somehow(mine, name);
    std::mt19937 random(std::random_device{}());
    while (!stopped()) {
        const int from = next, to = next + static_cast<int>(random() % 40);
        journal.note("try " + std::to_string(from) + " " + std::to_string(to));
        for (; next <= to; ++next) {
            const std::string number = std::to_string(next);
            while (!(name == "uni"     ? node.unicast("reader", number)
                     : name == "multi" ? node.multicast("team", number)
                                       : node.broadcast(number))
                        .ok()) {
            }
        }
        while (!node.flush(scaled(10000)).ok()) {
        }
        journal.note("have " + std::to_string(from) + " " + std::to_string(to));
        std::this_thread::sleep_for(milliseconds(random() % 4));  // bursts, not a flood
    }
}

void read_on(const Options& options, const std::string& name, const std::string& path) {
    const Journal journal(path);
    Node node = attach_somehow(options, name);
    while (!stopped()) {
        const auto message = node.receive(milliseconds(20));  // acknowledges the one before, which is noted
        if (message)
            journal.note(setting("LEDGER_LIFE") + " " + std::string(message->sender()) + " " +
                         std::string(message->payload()));
    }
}

/// A client as a process of its own: this program, with the case below.
struct Client {
    std::string name;
    bool reads = false;
    std::string journal;
    Process process = {};
    int lives = 0;

    void start(const BrokerProcess& broker) {
        process = Process({"/usr/bin/env", "LEDGER_NAME=" + name, "LEDGER_READS=" + std::string(reads ? "1" : ""),
                           "LEDGER_JOURNAL=" + journal, "LEDGER_BROKER=" + broker.url(),
                           "LEDGER_STOP=" + broker.path(reads ? "stop-readers" : "stop-writers"),
                           "LEDGER_LIFE=" + std::to_string(++lives), "/proc/" + std::to_string(getpid()) + "/exe",
                           "--no-skip", "--test-case=a client of the ledger"},
                          journal + ".log", journal + ".log");
    }
};

void touch(const std::string& path) { Journal{path}; }

/// The broker, a client, or both at once, until there were enough of them. Answers how many of each.
std::pair<int, int> kill_at_random(BrokerProcess& broker, const std::vector<std::unique_ptr<Client>>& clients) {
    const std::string given = setting("CAST_LEDGER_KILLS");
    std::mt19937 random(std::random_device{}());
    int broker_killed = 0, clients_killed = 0;
    for (int left = given.empty() ? 20 : std::stoi(given); left > 0;) {
        std::this_thread::sleep_for(milliseconds(50 + random() % 250));
        const bool both = random() % 4 == 0;
        if (both || random() % 2 == 0) {
            broker.kill();
            std::this_thread::sleep_for(milliseconds(random() % 30));
            broker.restart();
            ++broker_killed, --left;
        }
        if (both || random() % 2 == 0) {
            Client& victim = *clients[random() % clients.size()];
            CHECK(victim.process.running());
            victim.process.kill();
            victim.start(broker);
            ++clients_killed, --left;
        }
    }
    return {broker_killed, clients_killed};
}

}  // namespace

TEST_CASE("a client of the ledger" * doctest::skip()) {
    Options options;
    options.broker = setting("LEDGER_BROKER");
    options.connect_timeout = scaled(10000);
    (setting("LEDGER_READS").empty() ? write_on : read_on)(options, setting("LEDGER_NAME"), setting("LEDGER_JOURNAL"));
}

TEST_CASE("what was receipted is handled, in order, though clients and the broker are killed") {
    BrokerProcess broker({"--data"});
    std::vector<std::unique_ptr<Client>> clients;
    {
        Admin admin = administer(broker);
        for (const char* name : {"reader", "member", "uni", "multi", "broad"}) {
            must(admin.create_node(name));
            const bool reads = std::string(name) == "reader" || std::string(name) == "member";
            clients.push_back(std::make_unique<Client>(Client{name, reads, broker.path(name)}));
        }
        must(admin.join("team", {"reader", "member"}));
    }
    for (const auto& client : clients) client->start(broker);
    const auto [broker_killed, clients_killed] = kill_at_random(broker, clients);
    touch(broker.path("stop-writers"));
    for (const auto& client : clients)
        if (!client->reads) {
            INFO(read_file(client->journal + ".log"));
            CHECK(client->process.wait(scaled(60000)) == 0);
        }
    const Written uni(broker.path("uni")), multi(broker.path("multi")), broad(broker.path("broad"));
    for (const Written* one : {&uni, &multi, &broad}) {
        CHECK_FALSE(one->receipted.empty());
        CHECK(one->refused == "");
    }
    int repeated = 0;
    for (const char* name : {"reader", "member"}) {
        const bool mailed = std::string(name) == "reader";
        std::string missing;
        eventually(
            [&] {
                const Handled handled(broker.path(name));
                missing = (mailed ? handled.missing("uni", uni) : "") + handled.missing("multi", multi) +
                          handled.missing("broad", broad);
                return missing.empty();
            },
            30000);
        INFO(name);
        CHECK(missing == "");
        const Handled handled(broker.path(name));
        CHECK(handled.fault == "");
        for (const auto& [sender, numbers] : handled.numbers)
            CHECK(*numbers.rbegin() <= (sender == "uni" ? uni : sender == "multi" ? multi : broad).attempted);
        repeated += handled.repeated;
    }
    touch(broker.path("stop-readers"));
    for (const auto& client : clients) {
        INFO(read_file(client->journal + ".log"));
        CHECK(client->process.wait(scaled(60000)) == 0);
    }
    MESSAGE("killed: the broker " << broker_killed << " times, clients " << clients_killed
                                  << "; sent: " << uni.attempted << " unicast, " << multi.attempted << " multicast, "
                                  << broad.attempted << " broadcast; handled again by a later reader: " << repeated);
}
