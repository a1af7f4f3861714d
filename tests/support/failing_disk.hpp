// FailingDisk: a broker's disk that fails when the test says so (failing_disk.c), for its files of the data directory.
#pragma once
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "support/broker_process.hpp"

namespace cast::test {

class FailingDisk {
public:
    FailingDisk() { works(); }

    /// The flags of a BrokerProcess that has this disk.
    std::vector<std::string> flags() const {
        std::vector<std::string> all = preloading("failing_disk.so");
        all.insert(all.end(), {"FAILING_DISK=/data/", "FAILING_DISK_ORDERS=" + orders()});
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
