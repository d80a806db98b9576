/* SPDX-License-Identifier: MIT
 * Temporary names of objects, on systems where an object cannot exist without a name. Publishing or closing the object
 * removes the name. */
#ifndef MYL_OS_TEMPORARY_H
#define MYL_OS_TEMPORARY_H

/* Records that the object of `fd` has the name `name` in `directory`, a descriptor that stays open as long as `fd`. */
int myl_temporary_add(int fd, int directory, const char *name);
/* Copies the name and returns 1, or returns 0 if there is none. */
int myl_temporary_name(int fd, char *name, unsigned long bytes);
/* Unlinks the name, if there is one, and removes it from the list. */
void myl_temporary_drop(int fd);
/* In a fork child: removes it from the list only. The name belongs to the parent. */
void myl_temporary_forget(int fd);

#endif
