// The main function of the doctest programs (unit_tests, system_tests), and nothing else: compiled once.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
