/* SPDX-License-Identifier: MIT
 * libmyelon-ffi: every inline call of the public headers as an exported function, for languages that cannot compile C
 * headers. The library holds these functions only and links to libmyelon, so a process has one copy of the core even if
 * a C program and a binding are loaded together. docs/ffi.md. */
#define MYL_API_INLINE __attribute__((visibility("default")))
#include <myelon/myelon.h>
