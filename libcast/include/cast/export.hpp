// cast/export.hpp: marks what the shared library shows to its users. No code.
#pragma once

#if defined(__GNUC__)
#define CAST_API __attribute__((visibility("default")))
#else
#define CAST_API
#endif
