/* SPDX-License-Identifier: MIT
 * Ids in shared memory. */
#include "segment/id.h"

#include <string.h>

void myl_id_words(const myl_au64 words[(MYL_ID_MAX + 1) / 8], char id[MYL_ID_MAX + 1])
{
    myl_copy_rlx(id, words, MYL_ID_MAX + 1); /* A50. Pairs: A53, A70 */
    id[MYL_ID_MAX] = '\0';
}

void myl_id_set_words(myl_au64 words[(MYL_ID_MAX + 1) / 8], const char id[MYL_ID_MAX + 1])
{
    for (size_t i = 0; i < (MYL_ID_MAX + 1) / sizeof words[0]; i++) {
        uint64_t word;
        memcpy(&word, id + i * sizeof word, sizeof word);
        myl_store_rlx(&words[i], word); /* A53. Pairs: A50 */
    }
}
