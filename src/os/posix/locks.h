/* SPDX-License-Identifier: MIT
 * The locks held through a descriptor, released with it. */
#ifndef MYL_OS_POSIX_LOCKS_H
#define MYL_OS_POSIX_LOCKS_H

struct myl_os_object;
struct myl_os_place;

void myl_posix_locks_close(int fd);
/* A new descriptor got this number, so the recorded one was closed without the library: marks its locks as lost. */
void myl_posix_locks_lost(int fd);
/* Closes the locks of `object` that were acquired through this number before it was lost. */
void myl_posix_locks_abandon(int fd, const struct myl_os_object *object);
/* In a fork child: closes its copies of the locks. The parent keeps holding them. */
void myl_posix_locks_forget(int fd);
/* Removes side files that a dead process left: those of the object at `place` that are not locked, or with NULL those
 * of any object that are old and not locked. */
void myl_posix_locks_sweep(const struct myl_os_place *place);

#endif
