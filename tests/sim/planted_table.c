/* SPDX-License-Identifier: MIT
 * The planted bugs. A text that is no longer found fails the run: the row must follow the source. */
#include "planted.h"

#define INLINE   "include/myelon/ring_inline.h"
#define GATE     "src/ring/gate.c"
#define JOIN     "src/ring/join.c"
#define PARK     "src/ring/park.c"
#define WAIT     "src/ring/wait.c"
#define CONSUMER "src/ring/consumer.c"
#define STREAM   "src/ring/stream.c"
#define OBSERVER "src/ring/observer.c"
#define OPEN     "src/ring/producer_open.c"
#define HANDLE   "src/ring/handle.c"
#define LIVENESS "src/ring/liveness.c"
#define CREATE   "src/segment/create.c"
#define REMOVE   "src/segment/remove.c"
#define SEGMENT  "src/segment/segment.c"

const struct plant plants[] = {
    /* --- publish and read --- */
    {"stamp stored relaxed", INLINE, "myl_store_rel(h->stamp, h->next);", "myl_store_rlx(h->stamp, h->next);", "plain"},
    {"stamp says one event too many", INLINE, "myl_store_rel(h->stamp, h->next);",
     "myl_store_rel(h->stamp, h->next + 1);", "plain"},
    {"next stored before the stamp", INLINE, "    h->published = h->next;\n    MYL_STEP(\"S1\");\n",
     "    h->published = h->next;\n    myl_store_rel(h->shared_next, h->published);\n    MYL_STEP(\"S1\");\n",
     "takeover"},
    {"next is not stored at every publish", INLINE, "    myl_store_rel(h->shared_next, h->published);\n",
     "    if (h->published % 4 == 0)\n        myl_store_rel(h->shared_next, h->published);\n", "takeover,plain"},
    {"stamp read relaxed", INLINE, "myl_load_acq(h->front != NULL ? h->front : myl_i_stamp(&h->lease))",
     "myl_load_rlx(h->front != NULL ? h->front : myl_i_stamp(&h->lease))", "plain"},
    {"next of a stream read relaxed", STREAM, "uint64_t end = myl_load_acq(h->front);",
     "uint64_t end = myl_load_rlx(h->front);", "plain,packed,room"},
    {"in a stream who only tries never looks at a stamp", STREAM, "if (h->next == consumer->tried_at) {",
     "if (h->next + 1 == 0) {", "kill,takeover,orphans,everything"},
    {"stamp read relaxed when waiting", CONSUMER,
     "    uint64_t stamp = myl_load_acq(myl_i_stamp(&h->lease)); /* A2 */\n",
     "    uint64_t stamp = myl_load_rlx(myl_i_stamp(&h->lease)); /* A2 */\n", "plain"},
    {"stamps of a run read relaxed", CONSUMER, "myl_load_acq((const myl_au64 *)cell); /* A2 */",
     "myl_load_rlx((const myl_au64 *)cell); /* A2 */", "plain"},
    {"an old stamp is taken for a new one", INLINE, "if (MYL_UNLIKELY(end - h->next - 1 >= h->window))",
     "if (MYL_UNLIKELY(end == 0))", "tiny"},
    {"cursor stored relaxed", INLINE, "myl_store_rel(h->cursor, h->next);", "myl_store_rlx(h->cursor, h->next);",
     "plain"},
    {"one event too many acknowledged", INLINE, "myl_store_rel(h->cursor, h->next);",
     "myl_store_rel(h->cursor, h->next + (h->next > h->acknowledged + 1));", "plain"},
    /* --- gate --- */
    {"a cursor read twice", GATE, "        if (cursor < *minimum)\n            *minimum = cursor;\n",
     "        if (cursor < *minimum)\n            *minimum = myl_load_acq(&entry->cursor);\n", "plain,stop"},
    {"gate off by one", GATE, "producer->hot.end = limit + window;", "producer->hot.end = limit + window + 1;", "tiny"},
    {"room off by one", GATE,
     "producer->hot.next + events > limit + window)\n            return MYL_EAGAIN; /* step 3, G3 */",
     "producer->hot.next + events > limit + window + 1)\n            return MYL_EAGAIN; /* step 3, G3 */", "tiny"},
    {"limit taken from the public gate", GATE, "producer->hot.end = limit + window;",
     "producer->hot.end = round_down(myl_load_rlx(&control->gate), per_cell) + window;", "churn,kill-churn"},
    {"version not looked at again", GATE, "if (myl_load_rlx(&control->version) != version)",
     "if (version == UINT64_MAX)", "churn,late-consumer-attach,kill-churn"},
    {"version read behind the cursors", GATE,
     "            return rc;\n        uint64_t limit = round_down(minimum, per_cell);\n",
     "            return rc;\n        version = myl_load_acq(&control->version);\n"
     "        uint64_t limit = round_down(minimum, per_cell);\n",
     "churn,late-consumer-attach,kill-churn"},
    {"no fence behind the gate", GATE, "        myl_fence_sc(); /* step 5, G5; pairs with J6 */\n", "",
     "churn,late-consumer-attach,only-observers"},
    {"gate not announced", GATE, "            myl_store_rel(&control->gate, minimum);\n",
     "            (void)control;\n", "only-observers,churn,late-consumer-attach"},
    {"gate stored relaxed", GATE, "            myl_store_rel(&control->gate, minimum);\n",
     "            myl_store_rlx(&control->gate, minimum);\n", "strangers"},
    {"joining entries do not gate", GATE,
     "if (state != MYL_PARTY_JOINING && state != MYL_PARTY_ACTIVE)\n            continue;",
     "if (state != MYL_PARTY_ACTIVE)\n            continue;", "churn,late-consumer-attach"},
    {"the last entry does not gate", GATE,
     "for (uint32_t i = 0; i < entries; i++) {\n        const struct myl_entry *entry",
     "for (uint32_t i = 0; i + 1 < entries; i++) {\n        const struct myl_entry *entry", "plain"},
    {"half a packed cell is given away", GATE, "uint64_t limit = round_down(minimum, per_cell);",
     "uint64_t limit = minimum;", "packed"},
    {"while alone, a ring that blocks runs on", GATE,
     "return next + events <= round_down(gate, segment->head.events_per_cell) + *window ? MYL_OK : MYL_EAGAIN;",
     "return next + events <= (*minimum = producer->hot.published) + *window ? MYL_OK : MYL_EAGAIN;",
     "producer-before-consumers,late-consumer-attach"},
    {"running free goes beyond what is published", GATE,
     "    if (wanted > producer->hot.published)\n        wanted = producer->hot.published;\n", "",
     "free-run,only-observers"},
    /* --- join, resume, leave --- */
    {"join without a new version", JOIN, "(void)myl_add_acq_rel(&control->version, 1);",
     "(void)myl_add_acq_rel(&control->version, 0);", "churn,late-consumer-attach"},
    {"no fence behind the new version", JOIN, "    myl_fence_sc(); /* J6; pairs", "    /* J6; pairs",
     "churn,late-consumer-attach,kill-churn"},
    {"the gate is not looked at behind the join", JOIN, "    if (position < gate)\n        position = gate;\n",
     "    (void)gate;\n", "churn,late-consumer-attach"},
    {"a spare entry keeps the state of who left", JOIN,
     "        myl_store32_rel(&entry->state, MYL_PARTY_FREE);\n    MYL_STEP(\"J3\");\n",
     "        (void)0;\n    MYL_STEP(\"J3\");\n", "recycle"},
    {"entry taken without its lock", JOIN,
     "    int rc = lock_entry(segment, index);\n    if (rc == MYL_EAGAIN)\n        return myl_fail(MYL_EDUPLICATE,",
     "    int rc = MYL_OK;\n    if (rc == MYL_EAGAIN)\n        return myl_fail(MYL_EDUPLICATE,",
     "kill,evict,consumer-crash-and-restart"},
    {"a joiner starts below the gate when it resumes", JOIN,
     "    myl_store_rel(&entry->cursor, position); /* "
     "A7 */\n",
     "", "churn,late-consumer-attach"},
    {"resume one event later", JOIN, "    *position = myl_load_acq(&entry->cursor);              /* A8 */",
     "    *position = myl_load_acq(&entry->cursor) + 1;", "kill"},
    {"the dead start again at the oldest event", JOIN, "if (place->gating && start == MYL_START_RESUME) {",
     "if (place->gating && start == MYL_START_OLDEST) {", "kill,consumer-crash-and-restart"},
    {"the joiner wakes nobody", JOIN, "        myl_segment_wake_all(segment); /* the producer may wait for us */",
     "        (void)segment;", "producer-before-consumers,late-consumer-attach,readiness-gate-violation"},
    {"who leaves wakes nobody", JOIN, "    MYL_STEP(\"V3\");\n    myl_segment_wake_all(segment);\n",
     "    MYL_STEP(\"V3\");\n", "churn,plain"},
    {"who leaves goes on gating", JOIN, "    myl_store32_rel(&entry->state, MYL_PARTY_LEFT); /* A23 */",
     "    (void)MYL_PARTY_LEFT;", "churn"},
    {"entry freed before its lock", JOIN, "        rc = lock_entry(&segment, (uint32_t)index);\n",
     "        rc = (myl_store32_rel(&myl_segment_entry(&segment, (uint32_t)index)->state, MYL_PARTY_FREE),\n"
     "              lock_entry(&segment, (uint32_t)index));\n",
     "evict"},
    {"a place is reaped without its lock", LIVENESS,
     "    if (myl_seat_take(segment, myl_entry_seat(index)) == 0) {\n        MYL_STEP(\"G3r\");",
     "    if (myl_seat_take(segment, myl_entry_seat(index)) != -1) {\n        MYL_STEP(\"G3r\");", "duties"},
    {"dead joiners are never reaped", LIVENESS, "            (void)reap(segment, index, MYL_PARTY_JOINING);",
     "            (void)index;", "evict,kill-churn,everything"},
    /* --- takeover, seat --- */
    {"takeover believes next alone", OPEN, "        if (end == n)\n", "        if (end >= n)\n", "takeover"},
    {"takeover wakes nobody", OPEN, "    myl_segment_wake_all(segment); /* sleepers of a dead",
     "    /* sleepers of a dead", "mute"},
    {"a successor trusts that there is room", OPEN, "    h->end = 0; /* no limit yet",
     "    h->end = h->next + segment->head.capacity; /* no limit yet", "takeover"},
    {"a takeover without a new epoch", OPEN, "myl_load32_acq(&control->epoch) + 1; /* A25 */",
     "myl_load32_acq(&control->epoch); /* A25 */", "handover,orphans"},
    {"the dead's last events are forgotten in the verdict", HANDLE,
     "    if (ready(context) != MYL_EAGAIN)\n        return MYL_OK; /* its last",
     "    if (ready == 0)\n        return MYL_OK; /* its last", "orphans"},
    {"a death is not asked about again", HANDLE,
     "    if (myl_load32_acq(&control->epoch) != epoch) /* A25: a successor",
     "    if (epoch == UINT32_MAX) /* A25: a successor", "handover,orphans"},
    /* --- close --- */
    {"closed is believed, whatever was read", CONSUMER, "    int ended = closed != 0 && closed - 1 <= h->next;\n",
     "    int ended = closed != 0;\n    if (ended)\n        return MYL_ECLOSED;\n", "close,plain"},
    {"superseded is told before the end", CONSUMER, "    if (ended)\n        return myl_fail(MYL_ECLOSED,",
     "    if (ended && superseded == 0)\n        return myl_fail(MYL_ECLOSED,", "rivals,names"},
    {"closed is stored before the last publish", INLINE, "    MYL_STEP(\"S1\");\n",
     "    MYL_STEP(\"S1\");\n    if (h->next == 5)\n        myl_store_rel(h->shared_next + 32, h->next + 1);\n",
     "plain"},
    {"closed before the last event", OPEN, "myl_store_rel(&control->closed, producer->hot.published + 1);",
     "myl_store_rel(&control->closed, producer->hot.published);", "close"},
    {"closing wakes nobody", OPEN, "        MYL_STEP(\"E2\");\n        myl_segment_wake_all(segment);\n",
     "        MYL_STEP(\"E2\");\n", "close"},
    /* --- park and wake --- */
    {"check before flag", WAIT,
     "        myl_park_announce(&parker, &value, &most);\n        MYL_STEP(\"P6\");\n        int rc = "
     "wait->site->ready(wait->site->context); /* P6, L5 */\n",
     "        int rc = wait->site->ready(wait->site->context);\n        myl_park_announce(&parker, &value, &most);\n",
     "park"},
    {"no check behind the flag", WAIT, "        int rc = wait->site->ready(wait->site->context); /* P6, L5 */\n",
     "        int rc = MYL_EAGAIN;\n", "park"},
    {"the unconditional wake-up comes before the count", SEGMENT, "    MYL_STEP(\"BU1\");\n",
     "    MYL_STEP(\"BU1\");\n    myl_os_wake(&park->word);\n    if (park != NULL) {\n        "
     "(void)myl_add32_acq_rel(&park->word, 8);\n        return;\n    }\n",
     "leavers"},
    {"the unconditional wake-up does not count", SEGMENT, "    (void)myl_add32_acq_rel(&park->word, 8);\n", "",
     "leavers"},
    {"no fence behind the announcement", PARK, "        myl_fence_sc(); /* L2; pairs with S5 */\n", "",
     "park,plain,tiny"},
    {"no fence behind the producer's announcement", PARK, "        myl_fence_sc(); /* P5; pairs",
     "        /* P5; pairs", "room,park,tiny"},
    {"no wait for the store buffers", PARK, "                settle();\n", "                (void)settle;\n", "park"},
    {"the first sleep is not short", PARK,
     "*most_ns = (w & MYL_PARK_EFF) != 0 || parker->overslept ? INT64_MAX : UNCONFIRMED_NS;", "*most_ns = INT64_MAX;",
     "park"},
    {"EFF without a barrier", PARK, "} else if (myl_os_barrier() == 0) {", "} else if (parker->overslept) {", "park"},
    {"word read after the fence is not read again", PARK,
     "        w = myl_load32_rlx(&park->word); /* A5 again:", "        /* A5 again:", "brink"},
    {"no fence before the word is read again", PARK, "        myl_fence_sc(); /* S5; pairs with L2 and P5 */\n", "",
     "park,plain"},
    {"wake-up without waking", PARK, "        myl_os_wake_add4(&park->word); /* SLEEP is cleared",
     "        (void)myl_add32_acq_rel(&park->word, 4); /* SLEEP is cleared", "park"},
    {"un-biased without a compare", PARK,
     "            (void)myl_cas32_sc(&park->word, &w, (w & ~(uint32_t)(MYL_PARK_FENCE | MYL_PARK_EFF)) + "
     "MYL_PARK_COUNT);",
     "            myl_store32_rel(&park->word, (w & ~(uint32_t)(MYL_PARK_FENCE | MYL_PARK_EFF)) + MYL_PARK_COUNT);",
     "brink"},
    {"the hot path looks for sleepers only", INLINE, "(myl_load32_rlx(h->park) & MYL_I_PARK_BITS) != 0)) /* S4 */",
     "(myl_load32_rlx(h->park) & MYL_I_SLEEP) != 0)) /* S4 */", "park,plain"},
    {"not registered, and no fence", OPEN, "myl_store32_rlx(&producer->stand_in, parkable ? 1 : 0);",
     "myl_store32_rlx(&producer->stand_in, 0);", "faults"},
    {"registered in name only", OPEN, "producer->registered = parkable && myl_os_barrier_register() == 0;",
     "producer->registered = parkable;", "park,plain,faults"},
    {"no look at the producer before a wait", CONSUMER, "        tell_room(consumer); /* A11",
     "        (void)tell_room; /* A11", "room,park,tiny"},
    {"no fence before the look at the producer", PARK, "    myl_fence_sc(); /* between the cursor",
     "    /* between the cursor", "room,park,tiny"},
    {"the step that crosses what is needed wakes nobody", PARK, "if (before >= need || now < need)",
     "if (before >= need || now <= need)", "park,tiny"},
    {"what is needed is told too late", GATE, "    myl_store_rel(&control->room.need, need); /* A19",
     "    (void)need; /* A19", "park,plain,tiny"},
    {"more is waited for than can come", GATE,
     "        if (need > producer->hot.published)\n            need = producer->hot.published > wish->cursor ? "
     "producer->hot.published : wish->cursor;\n",
     "", "room,park,tiny"},
    /* --- observers --- */
    {"an observer's copy is not checked", OBSERVER,
     "        if (myl_load_rlx(&segment->control->gate) <= look->at) /* A29, O6",
     "        if (look->at != UINT64_MAX) /* A29, O6", "only-observers,observers"},
    {"no fence behind an observer's copy", OBSERVER, "        myl_fence_acq(); /* O5", "        /* O5",
     "only-observers,observers"},
    {"an observer's check is off by one", OBSERVER,
     "        if (myl_load_rlx(&segment->control->gate) <= look->at) /* A29, O6",
     "        if (myl_load_rlx(&segment->control->gate) <= look->at + 1) /* A29, O6", "only-observers,observers"},
    {"an observer counts one too many", OBSERVER, "    *lost = look.at - observer->next;",
     "    *lost = look.at - observer->next + (look.at > 2);", "only-observers"},
    /* --- names --- */
    {"unlink without the seat", REMOVE,
     "    int producer = myl_lane_take_all(segment); "
     "/* ours",
     "    int producer = 0; /* ours", "names,rivals,create-attach-churn"},
    {"an old ring's name is not checked", CREATE,
     "    if (rc == MYL_OK && !same)\n        rc = MYL_EAGAIN;\n    else if (rc == MYL_OK && segment->backend",
     "    if (segment->fd < 0)\n        rc = MYL_EAGAIN;\n    else if (rc == MYL_OK && segment->backend",
     "names,rivals,create-attach-churn"},
    {"the name before the seat", CREATE,
     "        MYL_STEP(\"C2\"); /* the seat before the name: an early attacher must not find the producer dead */\n"
     "        int err = myl_seat_take(segment, MYL_SEAT_PRODUCER);\n"
     "        if (err != 0)\n"
     "            rc = myl_fail_errno(err, \"the producer's seat of the new ring \\\"%s\\\" cannot be taken\", "
     "segment->name);\n"
     "    }\n"
     "    if (rc == MYL_OK && segment->path != NULL) {\n"
     "        MYL_STEP(\"C3\");\n"
     "        int err = myl_os_object_publish(segment->fd, segment->path);\n"
     "        if (err == EEXIST)\n"
     "            rc = MYL_EEXISTS;\n"
     "        else if (err != 0)\n"
     "            rc = myl_fail_errno(err, \"ring \\\"%s\\\" cannot be given its name\", segment->name);\n"
     "    }\n",
     "        MYL_STEP(\"C3\");\n"
     "        int err = segment->path == NULL ? 0 : myl_os_object_publish(segment->fd, segment->path);\n"
     "        if (err == EEXIST)\n"
     "            rc = MYL_EEXISTS;\n"
     "        else if (err != 0 || myl_seat_take(segment, MYL_SEAT_PRODUCER) != 0)\n"
     "            rc = MYL_EBUSY;\n"
     "    }\n",
     "rivals,names,close"},
    {"joining a ring that has lost its name", JOIN, "        return MYL_EAGAIN; /* replaced since",
     "        same = 0; /* replaced since", "names,create-attach-churn"},
    {"replaced under the living", CREATE, "} else if (live > 0 && how->existing == MYL_EXISTING_REPLACE) {",
     "} else if (live > 9 && how->existing == MYL_EXISTING_REPLACE) {", "names,create-attach-churn"},
    {"superseded, and nobody is told", CREATE, "    myl_segment_supersede(segment, 1);\n    myl_log_write",
     "    myl_log_write", "names,create-attach-churn"},
    {"swept though the dead have something left", REMOVE,
     "        if (i != own_entry && myl_load32_acq(&entry->state) == MYL_PARTY_ACTIVE &&",
     "        if (i == UINT32_MAX && myl_load32_acq(&entry->state) == MYL_PARTY_ACTIVE &&",
     "kill,consumer-crash-and-restart"},
    {"retired though the dead have something left", CREATE,
     "        rc = before ? MYL_OK : check_unread(segment, closed - 1);\n", "        (void)check_unread;\n",
     "rivals,kill,everything"},
    {"a marked session is held by its dead", CREATE,
     "        rc = before ? MYL_OK : check_unread(segment, closed - 1);\n",
     "        rc = check_unread(segment, closed - 1);\n", "names,create-attach-churn"},
};
const unsigned plants_count = sizeof plants / sizeof plants[0];
