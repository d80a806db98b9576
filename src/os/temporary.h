/* SPDX-License-Identifier: MIT
 * Names that objects bear until they are published, where a system cannot do without. They go with the publishing, or
 * with the object. */
#ifndef MYL_OS_TEMPORARY_H
#define MYL_OS_TEMPORARY_H

/* Remembers that the object behind `fd` is named `name`. */
int myl_temporary_add(int fd, const char *name);
/* 1 and a copy of the name, or 0. */
int myl_temporary_name(int fd, char *name, unsigned long bytes);
/* Unlinks the name, if there is one, and forgets it. */
void myl_temporary_drop(int fd);
/* In a fork child: forgets it, since it is the parent's. */
void myl_temporary_forget(int fd);

#endif
