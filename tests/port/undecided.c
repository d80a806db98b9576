/* SPDX-License-Identifier: MIT
 * Places of a program of 0.1 that no script can decide, for tools/check-port.sh. */
#include <myelon/myelon.h>

#include "ours.h"

#define SHOW(object) (object)->behind, (object)->doing

/* Another `shared` than that of late(). */
int pid_of(const myl_alert *shared)
{
    return shared->pid;
}

int late(void)
{
    return shared->last > 0 && current()->doing[0] != '\0';
}

int granted_lock(const myl_info *info)
{
    int granted = info->granted.lock;
    return granted == MYL_OK;
}

struct scene {
    myl_producer_options options;
    int more;
};
/* The type of the inner braces is that of a member, which is not looked up. */
static const struct scene scenes[] = {{{.alone = 0}, 1}};

/* Options of a ring of events within those of frames, and the size of a part. */
void whole(myl_frame_producer_options *frames, const myl_producer_options *events)
{
    frames->ring = *events;
    frames->ring.size++;
}
const myl_consumer_options *part(const myl_frame_consumer_options *frames)
{
    return &frames->ring;
}
int pinned(myl_producer_options *options, myl_producer *ring, int cpu)
{
    options->cpu = cpu + 1;
    return myl_producer_fd(ring, &options->fd);
}
int several(myl_consumer *consumer)
{
    myl_peer peer[2];
    return myl_consumer_peer(consumer, &peer[1]) == MYL_OK && peer[0].pid > 0;
}
