/* SPDX-License-Identifier: MIT
 * The seats taken through a descriptor, given up with it. */
#ifndef MYL_OS_POSIX_SEATS_H
#define MYL_OS_POSIX_SEATS_H

struct myl_os_object;

void myl_posix_seats_close(int fd);
/* This number was given to a new descriptor: what is noted under it is of one that was closed behind our back. */
void myl_posix_seats_lost(int fd);
/* Closes those of `object` that were taken through this number before it was lost. */
void myl_posix_seats_forsake(int fd, const struct myl_os_object *object);
/* In a fork child: closes its copies of the locks, which the parent goes on holding. */
void myl_posix_seats_forget(int fd);
/* A death leaves a side file behind. Removes those of the object named `path` that nobody holds; NULL: those of any
 * object that have been there for a while. */
void myl_posix_seats_sweep(const char *path);

#endif
