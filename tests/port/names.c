/* SPDX-License-Identifier: MIT
 * A program of 0.1 with each name that 0.2 renamed, for tools/check-port.sh. MYL_ALONE_BLOCK stays here: a comment. */
#include <stdio.h>
#include <string.h>

#include <myelon/myelon.h>

#define POLICY MYL_ALONE_RUN_FREE

struct watch {
    myl_verdict *verdict;
    myl_snapshot *snapshot;
    char activity[MYL_DOING_MAX + 1];
    int last, behind, missing; /* the program's own */
};

static int own_last(const struct watch *watch)
{
    return watch->last + watch->behind + watch->missing;
}

static void on_alert(const myl_alert *alert, void *user)
{
    struct watch *watch = user;
    watch->last = (int)alert->last;
    watch->behind = (int)alert->behind;
}

static const myl_producer_options several[] = {{.alone = MYL_ALONE_BUFFER, .buffer = 1}, [1] = {.alone = POLICY}};

static myl_producer *open_ring(const char *name, enum myl_alone alone)
{
    const myl_producer_options options = {
        .size = sizeof options,
        .event_size = 64,
        .alone = alone,
        .buffer = alone == MYL_ALONE_BUFFER ? 4 : 0,
        .memory = {.huge = MYL_TRY_IT, .lock = MYL_NO, .prefault = MYL_REQUIRE},
    };
    myl_frame_producer_options frames = {.size = sizeof frames, .ring = {.alone = MYL_ALONE_BLOCK}};
    frames.ring.alone = POLICY;
    enum myl_grade grade = MYL_TRY_IT;
    frames.ring.memory.huge = grade;
    myl_producer *producer = NULL;
    return myl_producer_open(&producer, name, &options) == MYL_OK && frames.ring.alone == several[1].alone ? producer
                                                                                                           : NULL;
}

/* Members of options that are in another place now. */
static void shape(myl_producer_options *options, uint32_t more, int fd, const char *const *ids)
{
    *options =
        (myl_producer_options){.event_size = 8, .event_align = 8, .capacity = 64, .packed_cell = 0, .type_id = 1};
    options->label = "prices", options->spin_only = 0;
    options->max_consumers = more;
    options->backend = MYL_BACKEND_MEMFD;
    options->existing = MYL_EXISTING_RESUME;
    options->fd = fd;
    options->mode = 0600, options->group = 0, options->any_owner = 0, options->cpu = 0;
    options->wait_consumers = more, options->wait_timeout_ns = MYL_SEC(1);
    if (more > 1)
        options->wait_prefix = "w";
    else
        options->wait_ids = ids;
    options->wait.strategy = MYL_WAIT_BLOCK;
    options->on_death = MYL_DEATH_WAIT;
    options->liveness_ns = MYL_MSEC(5);
}

static void frames_of(myl_frame_producer_options *frames, myl_frame_consumer_options *reader)
{
    const int64_t own_group = 0;
    const myl_frame_producer_options made = {
        .size = sizeof made,
        .ring_bytes = 65536,
        .max_frame = 1024,
        .ring = {.size = sizeof made.ring,
                 .label = "a",
                 .alone = MYL_ALONE_BLOCK,
                 .group = own_group,
                 .wait = {.yields = 1}},
    };
    *frames = made;
    frames->ring.size = sizeof frames->ring;
    frames->max_message = 4096, frames->numbers = MYL_FRAMES_TIMED, frames->lanes = 2, frames->lane = "a";
    frames->ring.label = "b";
    frames->ring.type_id = frames->ring.max_consumers, frames->ring.spin_only = 0;
    *reader = (myl_frame_consumer_options){.max_message = 4096, .ring = {.id = "c", .start = MYL_START_NOW}};
    reader->ring.type_id = 1;
    reader->ring.attach_timeout_ns = MYL_SEC(1);
}

/* `id`, `label` and `start` are members of other structures, too. */
static const char *read_by(myl_consumer_options *reader, const myl_joined *members, const myl_info *info)
{
    *reader = (myl_consumer_options){.size = sizeof *reader, .id = "c", .event_size = 8, .type_id = 1};
    reader->prefix = NULL, reader->role = NULL, reader->start = MYL_START_NOW;
    reader->attach_timeout_ns = MYL_SEC(1);
    return members->start == 0 ? members->id : info->label;
}

static const char *meaning(int rc)
{
    switch (rc) {
    case MYL_ESEATLOST:
    case MYL_EUNSEATED:
        return "MYL_ESEATLOST or MYL_EUNSEATED"; /* a string is the program's */
    case MYL_EUNREAD:
        return "not read";
    default:
        return myl_strerror(rc);
    }
}

static void policy(myl_producer *producer, myl_frame_producer *frames, const myl_liveness_options *options)
{
    if (myl_producer_manage(producer, options) != MYL_OK || myl_frame_producer_manage(frames, options) != MYL_OK)
        puts(meaning(MYL_EUNREAD));
    myl_trouble trouble;
    myl_producer_trouble(producer, &trouble);
    char id[MYL_ID_MAX + 1] = "";
    for (uint32_t i = 0; i < trouble.missing && myl_producer_missing(producer, i, id) == MYL_OK; i++)
        puts(id);
    if (trouble.final && trouble.last != MYL_SEQUENCE_NONE) {
        myl_producer_clear(producer);
        myl_frame_producer_clear(frames);
    }
}

static void notices(myl_producer *p, myl_consumer *c, myl_frame_producer *fp, myl_frame_consumer *fc)
{
    const char *doing = "loading";
    myl_producer_busy(p, doing, MYL_SEC(1));
    myl_consumer_busy(c, doing, MYL_SEC(1));
    myl_frame_producer_busy(fp, doing, MYL_SEC(1));
    myl_frame_consumer_busy(fc, doing, MYL_SEC(1));
    myl_peer peer;
    if (myl_consumer_peer(c, &peer) == MYL_OK && peer.unread == 0 && peer.silent_ns > 0)
        printf("%s %lld\n", peer.doing, (long long)peer.patience_ns);
}

static const myl_why_party *first(const myl_verdict *verdict)
{
    return &verdict->party[0];
}

static void diagnose(struct watch *w, myl_producer *producer, myl_consumer *consumer)
{
    int good = myl_producer_why(producer, 0, &w->verdict) == MYL_OK ||
               myl_consumer_why(consumer, 0, &w->verdict) == MYL_OK ||
               myl_why("ring", MYL_BACKEND_SHM, 0, &w->verdict) == MYL_OK ||
               myl_why_lane("ring", MYL_BACKEND_SHM, 1, 0, &w->verdict) == MYL_OK;
    for (uint32_t i = 0; good && i < w->verdict->parties; i++) {
        const myl_why_party *party = &w->verdict->party[i];
        if (party->waits)
            printf("%s waits for %llu\n", party->id, (unsigned long long)party->waits_for);
        printf("%lld %lld %lld\n", (long long)party->still_ns, (long long)party->doing_ns,
               (long long)party->patience_ns);
        printf("%llu %s\n", (unsigned long long)party->behind, party->doing);
    }
    for (uint32_t i = 0; good && i < w->verdict->edges; i++) {
        const myl_why_edge edge = w->verdict->edge[i], other = {.waits = 1, .for_whom = 2};
        printf("%u %u %s\n", edge.waits + other.waits, edge.for_whom, first(w->verdict)->doing);
    }
    myl_verdict_free(w->verdict);
}

static void snapshots(struct watch *w)
{
    if (myl_snapshot_take("ring", MYL_BACKEND_SHM, &w->snapshot) != MYL_OK)
        return;
    printf("%s %lld %llu %s\n", w->snapshot->producer_doing, (long long)w->snapshot->producer_patience_ns,
           (unsigned long long)w->snapshot->producer_waits_for, w->snapshot->missing);
    for (uint32_t i = 0; i < w->snapshot->consumers; i++) {
        const myl_consumer_status *status = &w->snapshot->entry[i];
        enum myl_party_state state = status->state;
        if (state == MYL_PARTY_FREE || state == MYL_PARTY_JOINING || state == MYL_PARTY_ACTIVE ||
            state == MYL_PARTY_LEFT)
            printf("%s %lld %lld\n", status->doing, (long long)status->patience_ns,
                   (long long)w->snapshot->entry[i].still_ns);
    }
    if (w->snapshot->info.granted.huge == MYL_OK || w->snapshot->info.granted.lock != MYL_EUNSUPPORTED ||
        w->snapshot->info.granted.numa == MYL_EAGAIN)
        puts("granted");
    myl_snapshot_free(w->snapshot);
}

static void positions(myl_producer *p, myl_consumer *c, const myl_observer *o)
{
    myl_run run, *more = &run;
    if (myl_producer_claim_run(p, 8, &run, MYL_TRY) == MYL_OK &&
        myl_consumer_next_run(c, more->count, more, MYL_TRY) == MYL_OK)
        printf("%lld %lld\n", (long long)myl_producer_last(p), (long long)myl_producer_gating(p));
    printf("%lld %lld %lld\n", (long long)myl_consumer_position(c), (long long)myl_consumer_acknowledged(c),
           (long long)myl_observer_position(o));
}

int main(void)
{
    /* Nothing runs: the names count. */
    struct watch watch = {.last = 1, .behind = 2};
    myl_producer *producer = own_last(&watch) > 3 ? open_ring("ring", MYL_ALONE_BLOCK) : NULL;
    if (producer == NULL)
        return 0;
    const myl_liveness_options options = {.size = sizeof options, .alert = on_alert, .user = &watch};
    myl_producer_options shaped;
    myl_frame_producer_options frames;
    myl_frame_consumer_options reader;
    myl_consumer_options events;
    const myl_joined joined = {.id = "c"};
    myl_joined zeroed = {0};
    const myl_info info = {.size = sizeof info};
    shape(&shaped, 1, 3, NULL);
    frames_of(&frames, &reader);
    puts(read_by(&events, &joined, &info));
    puts(zeroed.id);
    policy(producer, NULL, &options);
    notices(producer, NULL, NULL, NULL);
    diagnose(&watch, producer, NULL);
    snapshots(&watch);
    positions(producer, NULL, NULL);
    return 0;
}
