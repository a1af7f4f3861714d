// ForgetfulDisk: a broker's disk that keeps what was synced, and of the rest whatever it likes (forgetful_disk.c). One
// thread.
#pragma once
#include <random>
#include <string>
#include <vector>

#include "support/broker_process.hpp"

namespace cast::test {

class ForgetfulDisk {
public:
    /// The flags of a BrokerProcess that has this disk.
    std::vector<std::string> flags() const;
    /// Kills the broker alone: what is not synced lives on in the kernel, for the next one to rely on.
    void kill(BrokerProcess& broker);
    /// Kills the broker and makes of its data directory what a loss of power may leave of it: every change since the
    /// last sync of its file is kept, lost or torn (some of its sectors of 512 bytes), each for itself and in no order;
    /// of files whose names were never synced nothing is left.
    void lose_power(BrokerProcess& broker, std::mt19937& random);
    /// Was this folder synced so far?
    bool synced(const std::string& folder) const;
    /// How many changes there were to lose so far, and how many of them were lost or torn.
    int changes() const { return changes_; }
    int spoiled() const { return spoiled_; }

private:
    std::string after(const std::string& name, std::mt19937& random);
    std::string unsynced(const std::string& name) const { return image_ / (name + ".unsynced"); }
    Folder image_;
    int changes_ = 0, spoiled_ = 0;
};

}  // namespace cast::test
