# SPDX-License-Identifier: MIT
# Toolchain file: aarch64 (Debian: gcc-aarch64-linux-gnu, qemu-user-static).
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
