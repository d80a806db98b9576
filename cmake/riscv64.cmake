# SPDX-License-Identifier: MIT
# Toolchain file: riscv64 (Debian: gcc-riscv64-linux-gnu, qemu-user-static).
set(CMAKE_SYSTEM_PROCESSOR riscv64)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
