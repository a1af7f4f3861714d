// Lookup: the numbers of a host's name, asked of the system on a thread of its own: a name server that is silent holds
// up nothing but this. Whoever no longer wants it lets it go; the thread ends when the system has answered. One at a
// time is under way for a name in the whole program. Any thread.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace cast::detail {

class Lookup {
public:
    /// The one that is under way for this name, or a new one.
    static std::shared_ptr<Lookup> begin(const std::string& name);
    explicit Lookup(std::string name);
    ~Lookup();
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

    /// The answer is there. Then descriptor() is readable, and the rest may be read.
    bool done() const { return done_.load(std::memory_order_acquire); }
    int descriptor() const { return fd_; }
    /// As the system orders them; none: see trouble().
    const std::vector<std::string>& numbers() const { return numbers_; }
    const std::string& trouble() const { return trouble_; }

private:
    void run();
    void finish();

    std::string name_;
    int fd_ = -1;
    std::vector<std::string> numbers_;
    std::string trouble_;
    std::atomic<bool> done_{false};
};

}  // namespace cast::detail
