// Makers of the systems, each in the file of its name. make_system() picks one.
#pragma once
#include <memory>

#include "system.hpp"

namespace rig {

std::unique_ptr<System> make_cast(const Setup& setup);
std::unique_ptr<System> make_cast_disk(const Setup& setup);
std::unique_ptr<System> make_disk(const Setup& setup);
std::unique_ptr<System> make_jetstream(const Setup& setup);
std::unique_ptr<System> make_tcp(const Setup& setup);
std::unique_ptr<System> make_zmq(const Setup& setup);
std::unique_ptr<System> make_nats(const Setup& setup);
std::unique_ptr<System> make_redis(const Setup& setup);
std::unique_ptr<System> make_mosq0(const Setup& setup);
std::unique_ptr<System> make_mosq1(const Setup& setup);

}  // namespace rig
