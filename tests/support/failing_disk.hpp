// FailingDisk: a broker's disk that fails when the test says so (failing_disk.c), for its files of the data directory.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace cast::test {

class FailingDisk {
public:
    FailingDisk() { works(); }

    /// The flags of a BrokerProcess that has this disk.
    std::vector<std::string> flags() const {
        const char* libraries = std::getenv("CAST_LIB_DIR");
        const std::string library = libraries != nullptr ? libraries : program("../lib");
        std::vector<std::string> all{"--data", "LD_PRELOAD=" + library + "/failing_disk.so", "FAILING_DISK=/data/",
                                     "FAILING_DISK_ORDERS=" + orders()};
        const char* asan = std::getenv("ASAN_OPTIONS");
        all.push_back("ASAN_OPTIONS=" + std::string(asan == nullptr ? "" : asan) + ":verify_asan_link_order=0");
        return all;
    }
    /// Lines of orders, from now on; see failing_disk.c.
    void fails(const std::string& lines) const {
        std::ofstream(orders() + ".new") << lines << '\n';
        std::rename((orders() + ".new").c_str(), orders().c_str());
    }
    void works() const { fails(""); }

private:
    std::string orders() const { return folder_ / "orders"; }
    Folder folder_;
};

}  // namespace cast::test
