// NameServer: what getaddrinfo() answers in this program for names that end in ".test", which no real name server
// knows: some numbers, a failure, or nothing for as long as the test wants. Other names are asked of the system. Any
// thread.
#pragma once
#include <string>
#include <vector>

namespace cast::test {

class NameServer {
public:
    NameServer();
    ~NameServer();  ///< who is still waiting gets a failure
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;

    /// From now on the name has these numbers; with none it does not exist.
    void set(const std::string& name, std::vector<std::string> numbers);
    /// From now on whoever asks for it waits, until it is set.
    void silence(const std::string& name);
    /// How often it was asked for.
    int asked(const std::string& name) const;
};

}  // namespace cast::test
