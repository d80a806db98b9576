/* SPDX-License-Identifier: MIT
 * The seats taken through a descriptor, given up with it. */
#ifndef MYL_OS_POSIX_SEATS_H
#define MYL_OS_POSIX_SEATS_H

void myl_posix_seats_close(int fd);
/* In a fork child: closes its copies of the locks, which the parent goes on holding. */
void myl_posix_seats_forget(int fd);
/* A death leaves a side file behind. Removes those of the object named `path` that nobody holds; NULL: those of any
 * object that have been there for a while. */
void myl_posix_seats_sweep(const char *path);

#endif
