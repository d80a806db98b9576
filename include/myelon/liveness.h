/* SPDX-License-Identifier: MIT
 * Who is slow, who is dead, and what to do about it. */
#ifndef MYELON_LIVENESS_H
#define MYELON_LIVENESS_H

#include <myelon/ring.h>

MYL_BEGIN_DECLS

/* Gives consumer `id` a role, whoever it had one from before. Also while everybody runs. MYL_ENOTFOUND: no such id. */
MYL_API MYL_NODISCARD int myl_producer_set_role(myl_producer *producer, const char *id,
                                                const myl_role_options *options);
MYL_API MYL_NODISCARD int myl_set_role(const char *name, enum myl_backend backend, const char *id,
                                       const myl_role_options *options);
/* "plain", "required", "alert", "expendable". Static storage; "?" for an unknown one. */
MYL_API const char *myl_role_name(enum myl_role role);
MYL_API MYL_NODISCARD int myl_role_parse(const char *name, enum myl_role *role);

MYL_END_DECLS

#endif
