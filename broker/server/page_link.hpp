// PageLink: what the broker and its own page's server tell each other inside the process. The server is a client like
// any other; this is how the broker knows that it is its own, and how its status tells what does not work there. Any
// thread.
#pragma once
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

class PageLink {
public:
    /// `serves`: there is such a server; else (--http off) nobody opens the ports of nodes either.
    explicit PageLink(bool serves = true);
    bool serves() const { return serves_; }

    /// A secret of this process: who shows it is our own page's server.
    const std::string& key() const { return key_; }
    /// Takes as long for a wrong key as for a right one.
    bool is_key(std::string_view shown) const;

    /// What does not work at the server now, in sentences.
    void set_troubles(std::vector<std::string> sentences);
    std::vector<std::string> troubles() const;

private:
    const bool serves_;
    std::string key_;
    mutable std::mutex mutex_;  // of what is below
    std::vector<std::string> troubles_;
};

}  // namespace broker
