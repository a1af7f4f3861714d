// The compiled half of Asio and Beast, so that every other file pays for their declarations only.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
