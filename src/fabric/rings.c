/* SPDX-License-Identifier: MIT
 * The rings of a session, before they are opened. Joining the wrong ring would take a worker's place in it, so label,
 * type and session are compared first, and the ring is then opened by a ticket of the session that was compared. */
#include "fabric/rings.h"

#include "base/error.h"
#include "segment/segment.h"
#include "segment/ticket.h"

#include <inttypes.h>
#include <string.h>

static int check_label(const struct myl_segment *segment, const char *label)
{
    char other[MYL_LABEL_MAX + 1];
    memcpy(other, segment->head->label, sizeof other);
    other[MYL_LABEL_MAX] = '\0';
    if (label[0] == '\0' || strcmp(other, label) == 0)
        return MYL_OK;
    return myl_fail(MYL_ESHAPE,
                    "ring \"%s\" belongs to session \"%s\", not to \"%s\"; choose another label or prefix, since both "
                    "have the same tag",
                    segment->name, other, label);
}

/* The type of the ring: that of `base`, plus up to `most`. */
static int check_type(const struct myl_segment *segment, uint64_t base, uint32_t most, uint32_t *more)
{
    uint64_t type = segment->head->type_id;
    if (type >= base && type <= base + most) {
        *more = (uint32_t)(type - base);
        return MYL_OK;
    }
    return myl_fail(MYL_ETYPE,
                    "ring \"%s\" has type 0x%016" PRIx64 ", but the rings of this version's fabrics have 0x%016" PRIx64
                    "; use one version of the library, or another label",
                    segment->name, type, base);
}

static int check_session(const struct myl_segment *segment, const uint64_t expected[2])
{
    if ((expected[0] | expected[1]) == 0 ||
        memcmp(segment->head->session, expected, sizeof segment->head->session) == 0)
        return MYL_OK;
    return myl_fail(MYL_ESESSION, "ring \"%s\" is of another session than the configuration; get a new configuration",
                    segment->name);
}

/* The ring's words that change. */
static int read_state(struct myl_segment *segment, struct myl_ring_probe *probe)
{
    int rc = myl_segment_map_control(segment, 0);
    if (rc == MYL_OK)
        probe->ended = myl_load_acq(&segment->control->closed) != 0 ||        /* A16 */
                       myl_load32_acq(&segment->control->superseded) != 0; /* A15 */
    return rc;
}

/* What one ring must be. */
struct expected {
    const char *name;
    int fd;
    uint64_t type;
    uint32_t more;
    const uint64_t *session;
};

static int probe_ring(const struct myl_session *session, bool any_owner, const struct expected *expected,
                      struct myl_ring_probe *probe)
{
    const myl_fabric_config *config = &session->config;
    int memfd = config->backend == MYL_BACKEND_MEMFD;
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = config->backend,
                                   .name = memfd ? NULL : expected->name,
                                   .use_fd = 1,
                                   .fd = expected->fd,
                                   .any_owner = any_owner};
    int rc = myl_segment_find(&segment, &how);
    if (rc == MYL_ENOTFOUND)
        return MYL_OK;
    if (rc != MYL_OK)
        return rc;
    rc = check_type(&segment, expected->type, expected->more, &probe->workers);
    if (rc == MYL_OK)
        rc = check_label(&segment, config->label);
    if (rc == MYL_OK)
        rc = check_session(&segment, expected->session);
    if (rc == MYL_OK)
        rc = read_state(&segment, probe);
    if (rc == MYL_OK)
        rc = myl_segment_ticket(&segment, probe->ticket, sizeof probe->ticket);
    memcpy(probe->session, segment.head->session, sizeof probe->session);
    probe->exists = rc == MYL_OK;
    myl_segment_close(&segment);
    return rc;
}

static int check_workers(const struct myl_session *session, uint32_t workers)
{
    const myl_fabric_config *config = &session->config;
    if (workers == 0 || workers > MYL_WORKERS_MAX)
        return myl_fail(MYL_ECORRUPT, "the reply ring of session \"%s\" is for %" PRIu32 " workers; remove it",
                        config->label, workers);
    if (config->workers != 0 && config->workers != workers)
        return myl_fail(MYL_ESHAPE,
                        "session \"%s\" has %" PRIu32 " workers, not %" PRIu32 "; ask for as many, or for 0",
                        config->label, workers, config->workers);
    if (config->rank >= workers)
        return myl_fail(MYL_EINVAL,
                        "session \"%s\" has %" PRIu32 " workers, so there is no rank %" PRIu32 "; give one below",
                        config->label, workers, config->rank);
    return MYL_OK;
}

int myl_rings_probe(const struct myl_session *session, bool any_owner, struct myl_rings_probe *probe)
{
    const myl_fabric_config *config = &session->config;
    memset(probe, 0, sizeof *probe);
    int rc = probe_ring(session, any_owner,
                        &(struct expected){session->dispatch, config->dispatch_fd, MYL_SESSION_DISPATCH_TYPE, 0,
                                           config->dispatch_session},
                        &probe->dispatch);
    if (rc == MYL_OK)
        rc = probe_ring(session, any_owner,
                        &(struct expected){session->replies, config->reply_fd, MYL_SESSION_REPLY_TYPE, MYL_WORKERS_MAX,
                                           config->reply_session},
                        &probe->replies);
    if (rc == MYL_OK && probe->replies.exists)
        rc = check_workers(session, probe->replies.workers);
    return rc;
}

void myl_rings_end_lane(const struct myl_session *session, const char *ticket, const char *id)
{
    myl_frame_producer *producer = NULL;
    myl_frame_producer_options o = {.size = sizeof o,
                                    .lane = id,
                                    .ring = {.backend = session->config.backend, .ticket = ticket}};
    /* A living producer ends its lane itself. */
    if (myl_frame_producer_open(&producer, NULL, &o) == MYL_OK)
        myl_frame_producer_close(producer);
}
