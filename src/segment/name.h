/* SPDX-License-Identifier: MIT
 * Names of rings and ids of participants. */
#ifndef MYL_SEGMENT_NAME_H
#define MYL_SEGMENT_NAME_H

#include <myelon/segment.h>

#include <stdbool.h>

int myl_segment_path(const char *name, enum myl_backend backend, char **path);
/* MYL_ENAME for a name with a control character, and for one with the form of a temporary name or of a lock's side
 * file: myl_list would omit such a ring, and a cleanup would remove it. */
int myl_check_new_name(const char *path);
/* Checks an id or a prefix that a caller gives to a participant. */
int myl_check_id(const char *id, size_t most);
/* As myl_check_id, for an id that is looked up. It may be an automatic one, which has a character that callers cannot
 * use. */
#define MYL_ID_AUTOMATIC "auto+"
int myl_check_any_id(const char *id);
bool myl_id_is_automatic(const char *id);
/* Checks the label of a new ring: its length, no control characters. */
int myl_check_label(const char *label);

#endif
