/* SPDX-License-Identifier: MIT
 * Mappings under qemu's user mode, which ignores MADV_DONTFORK. A mapping keeps its open file description alive, and
 * with it the locks acquired through it. A forked child that inherits the mapping would therefore hold its parent's
 * participant locks. The linker replaces the library's functions by these (--wrap). They map through a separate
 * description. */
#include "os/os.h"

int __real_myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
int __real_myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
int __wrap_myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
int __wrap_myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);

int __wrap_myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    int own;
    int err = myl_os_object_reopen(fd, &own);
    if (err != 0)
        return __real_myl_os_map(fd, offset, bytes, writable, address);
    err = __real_myl_os_map(own, offset, bytes, writable, address);
    myl_os_object_close(own);
    return err;
}

int __wrap_myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    int own;
    int err = myl_os_object_reopen(fd, &own);
    if (err != 0)
        return __real_myl_os_map_twice(fd, offset, bytes, writable, address);
    err = __real_myl_os_map_twice(own, offset, bytes, writable, address);
    myl_os_object_close(own);
    return err;
}
