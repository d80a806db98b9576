/* SPDX-License-Identifier: MIT
 * The oracle: see oracle.h. */
#include "oracle.h"

#include "frames.h"
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct oracle oracle;

void oracle_begin(void)
{
    memset(&oracle, 0, sizeof oracle);
}

struct session *oracle_session(const myl_info *info, unsigned words, enum myl_no_consumer_policy alone, uint64_t since)
{
    for (unsigned i = 0; i < oracle.sessions; i++) {
        if (oracle.session[i].key == info->session[0] && oracle.session[i].lane == info->lane)
            return &oracle.session[i];
    }
    SIM_CHECK(oracle.sessions < ORACLE_SESSIONS, "engine", "more than %d rings and lanes", ORACLE_SESSIONS);
    struct session *s = &oracle.session[oracle.sessions++];
    s->key = info->session[0];
    s->lane = info->lane;
    s->lanes = info->lanes;
    s->inode = sim_inode_of_session(s->key);
    s->capacity = info->capacity;
    s->per_cell = info->events_per_cell;
    s->alone = alone;
    s->words = words;
    s->dead = oracle.dead_unknown;
    s->superseding = oracle.forces > 0 || oracle.forced_at >= since;
    return s;
}

void oracle_removes(void)
{
    for (unsigned i = 0; i < oracle.sessions; i++)
        oracle.session[i].removing = 1;
}

void oracle_begins_removal(void)
{
    oracle.removals++;
    oracle.not_drained_at = 0;
}

void oracle_ends_removal(void)
{
    oracle.removals--;
}

void oracle_forces(void)
{
    oracle.forces++;
    for (unsigned i = 0; i < oracle.sessions; i++)
        oracle.session[i].superseding = 1;
}

void oracle_forced(void)
{
    oracle.forces--;
    oracle.forced_at = sim_points();
}

uint64_t oracle_word(uint64_t sequence, unsigned tag, unsigned i)
{
    return sequence << 24 | (uint64_t)tag << 8 | i;
}

/* --- producers --------------------------------------------------------------------------------------------------- */

void oracle_wants_lock(void)
{
    oracle.alone = oracle.wanting == 0;
    oracle.not_drained_at = 0;
    oracle.wanting++;
    for (unsigned i = 0; i < oracle.sessions; i++) {
        struct session *s = &oracle.session[i];
        if (s->closing && s->gave_way_at == 0)
            s->gave_way_at = sim_points();
    }
}

void oracle_has_lane(struct session *s, const char *id)
{
    const char *name = id == NULL ? "" : id;
    for (unsigned i = 0; i < oracle.sessions; i++) {
        const struct session *other = &oracle.session[i];
        int kept = other->key == s->key && other->takeovers > 0 && !other->closing;
        SIM_CHECK(!kept || other != s || strcmp(s->owner, name) == 0, "lane",
                  "%s gets lane %" PRIu32 ", which \"%s\" has not ended", sim_self_name(), s->lane, s->owner);
        SIM_CHECK(!kept || other == s || id == NULL || strcmp(other->owner, id) != 0, "lane",
                  "%s gets lane %" PRIu32 ", but has not ended its own, %" PRIu32, sim_self_name(), s->lane,
                  other->lane);
    }
    (void)snprintf(s->owner, sizeof s->owner, "%s", name);
}

unsigned oracle_produces(struct session *s, uint64_t next)
{
    for (unsigned i = 0; i < oracle.sessions; i++) {
        const struct session *other = &oracle.session[i];
        int other_lane = other != s && (other->superseding || s->superseding || other->key == s->key);
        SIM_CHECK(!other->producing || other_lane, "two producers",
                  "%s acquired the producer lock of inode %" PRIu64 " while inode %" PRIu64 " has a producer",
                  sim_self_name(), s->inode, other->inode);
    }
    SIM_CHECK(next >= s->committed, "takeover", "%s continues at event %" PRIu64 ", though %" PRIu64 " were published",
              sim_self_name(), next, s->committed);
    SIM_CHECK(next >= s->seen, "takeover", "%s continues at event %" PRIu64 ", though %" PRIu64 " were read",
              sim_self_name(), next, s->seen);
    SIM_CHECK(next <= s->publishing, "takeover",
              "%s continues at event %" PRIu64 ", but at most %" PRIu64 " can have been published", sim_self_name(),
              next, s->publishing);
    s->committed = s->publishing = next;
    s->producing = 1;
    s->closing = s->closed = 0;
    s->produced_at = sim_points();
    if (s->takeovers == 0)
        s->first_at = s->produced_at;
    if (s->dead)
        s->dead_until = sim_points();
    if (s->left)
        s->left_until = sim_points();
    s->dead = s->left = 0;
    s->takeovers++;
    SIM_CHECK(++oracle.tags < 256, "engine", "more than 255 producers");
    return oracle.tags;
}

static int protects(const struct reader *reader)
{
    return reader->state == READER_ACTIVE || (reader->state == READER_DEAD && !reader->given_up);
}

static uint64_t floor_to(uint64_t value, uint64_t to)
{
    return value / to * to;
}

void oracle_claimed(const struct session *s, uint64_t end)
{
    for (unsigned i = 0; i < s->readers; i++) {
        const struct reader *r = &s->reader[i];
        SIM_CHECK(!protects(r) || end <= floor_to(r->high, s->per_cell) + s->capacity, "gate",
                  "%s may write event %" PRIu64 " over one that consumer \"%s\", at %" PRIu64 ", has not released",
                  sim_self_name(), end - 1, r->id, r->high);
    }
}

void oracle_publishes(struct session *s, uint64_t end)
{
    SIM_CHECK(end <= ORACLE_EVENTS, "engine", "more than %d events", ORACLE_EVENTS);
    s->publishing = end;
}

static void settle_writer(struct session *s, uint64_t sequence, unsigned tag)
{
    SIM_CHECK(s->writer[sequence] == 0 || s->writer[sequence] == tag, "agreement",
              "event %" PRIu64 " was written by producer %u for one and by %u for another", sequence,
              (unsigned)s->writer[sequence], tag);
    s->writer[sequence] = (unsigned char)tag;
}

void oracle_published(struct session *s, uint64_t end, unsigned tag)
{
    for (uint64_t n = s->committed; n < end; n++)
        settle_writer(s, n, tag);
    s->committed = end;
}

void oracle_wanted_lock(void)
{
    oracle.wanting--;
}

void oracle_not_drained(void)
{
    if (oracle.alone && oracle.removals == 0)
        oracle.not_drained_at = sim_points();
}

void oracle_closes(struct session *s)
{
    if (oracle.wanting > 0 && s->gave_way_at == 0)
        s->gave_way_at = sim_points();
    s->closing = 1;
    s->closed_at = s->committed;
    SIM_CHECK(s->ends < ORACLE_ENDS, "engine", "more than %d ends of a lane", ORACLE_ENDS);
    s->ended[s->ends++] = s->closed_at;
    s->left = 1;
    s->producing = 0;
}

void oracle_stops(struct session *s)
{
    s->producing = 0;
    s->left = 1;
}

void oracle_producer_died(struct session *s)
{
    s->producing = 0;
    s->dead = 1;
}

void oracle_open_died(void)
{
    oracle_wanted_lock();
    for (unsigned i = 0; i < oracle.sessions; i++)
        oracle.session[i].dead = 1;
    oracle.dead_unknown = 1; /* possibly of a ring that was just created */
}

void oracle_open_failed(void)
{
    oracle.open_failed = 1;
}

/* Highest position that any reader has, or may have reached in a call that has not returned. */
static uint64_t highest(const struct session *s)
{
    uint64_t most = s->highest;
    for (unsigned i = 0; i < s->readers; i++) {
        uint64_t bound = s->reader[i].acking == ACKS_NOTHING ? 0 : frames_bound(s, &s->reader[i]);
        most = most < bound ? bound : most;
    }
    return most;
}

/* --- consumers --------------------------------------------------------------------------------------------------- */

/* Neither id nor prefix: an automatic id that no reader has had before. */
static int is_of(const struct reader *r, const char *id, const char *prefix)
{
    size_t length = prefix == NULL ? 0 : strlen(prefix);
    if (id != NULL)
        return strcmp(r->id, id) == 0;
    return prefix != NULL && strncmp(r->id, prefix, length) == 0 && r->id[length] == '_' &&
           strspn(r->id + length + 1, "0123456789") == strlen(r->id + length + 1);
}

int oracle_is_automatic(const char *id)
{
    return strncmp(id, "auto+", 5) == 0;
}

static int gives_up(const struct claim *c)
{
    return c->used && (c->evicts || c->start != MYL_START_RESUME);
}

static int claims(const struct claim *c, const struct reader *r)
{
    return is_of(r, c->prefix == NULL ? c->id : NULL, c->prefix);
}

unsigned oracle_claims(const char *id, const char *prefix, enum myl_start start, int evicts)
{
    unsigned n = 0;
    while (n < ORACLE_CLAIMS && oracle.claim[n].used)
        n++;
    SIM_CHECK(n < ORACLE_CLAIMS, "engine", "more than %d opens and evictions at once", ORACLE_CLAIMS);
    struct claim *c = &oracle.claim[n];
    *c = (struct claim){.used = 1, .evicts = evicts, .prefix = prefix, .start = start};
    (void)snprintf(c->id, sizeof c->id, "%s", id == NULL ? "" : id);
    for (unsigned i = 0; gives_up(c) && i < oracle.sessions; i++) {
        for (unsigned k = 0; k < oracle.session[i].readers; k++) {
            struct reader *r = &oracle.session[i].reader[k];
            if (claims(c, r)) {
                r->given_up = 1;
                r->any_start |= start == MYL_START_NOW;
            }
        }
    }
    return n;
}

void oracle_claim_over(unsigned claim)
{
    oracle.claim[claim].used = 0;
}

static int joiner_arrives(void)
{
    unsigned joining = 0;
    for (unsigned i = 0; i < ORACLE_CLAIMS; i++)
        joining += oracle.claim[i].used && !oracle.claim[i].evicts;
    return joining > 0;
}

/* Returns 1 if a consumer is joining at the next event now. It gates before its open returns. */
static int joiner_arrives_now(void)
{
    for (unsigned i = 0; i < ORACLE_CLAIMS; i++) {
        if (oracle.claim[i].used && !oracle.claim[i].evicts && oracle.claim[i].start == MYL_START_NOW)
            return 1;
    }
    return 0;
}

void oracle_join_died(const char *id, const char *prefix)
{
    oracle.joins_died++;
    oracle.deaths++;
    for (unsigned i = 0; i < oracle.sessions; i++) {
        for (unsigned k = 0; k < oracle.session[i].readers; k++) {
            struct reader *r = &oracle.session[i].reader[k];
            if (!is_of(r, id, prefix))
                continue;
            r->dead_until = sim_points();
            if (r->state == READER_ACTIVE || (r->state == READER_DEAD && !r->given_up))
                continue;
            r->state = READER_UNSURE; /* it may start again at the gate, if its entry was used for another consumer */
            r->low = 0;
        }
    }
}

void oracle_refused(uint64_t since)
{
    SIM_CHECK(oracle.not_drained_at == 0 || since <= oracle.not_drained_at, "answer",
              "%s gets MYL_ESUPERSEDED, but the session waits for a dead consumer: the producer got MYL_ENOTDRAINED",
              sim_self_name());
}

/* Returns a new reader, or that of an automatic id whose consumer cannot return. */
static struct reader *spare_reader(struct session *s)
{
    if (s->readers < ORACLE_READERS)
        return &s->reader[s->readers++];
    for (unsigned i = 0; i < s->readers; i++) {
        struct reader *r = &s->reader[i];
        if (oracle_is_automatic(r->id) &&
            (r->state == READER_LEFT || (r->state == READER_UNSURE && r->dead_until != 0)))
            return r;
    }
    SIM_CHECK(0, "engine", "more than %d consumer ids", ORACLE_READERS);
    return NULL;
}

static struct reader *reader_of(struct session *s, const char *id)
{
    for (unsigned i = 0; i < s->readers; i++) {
        if (strcmp(s->reader[i].id, id) == 0)
            return &s->reader[i];
    }
    struct reader *r = spare_reader(s);
    memset(r, 0, sizeof *r);
    (void)snprintf(r->id, sizeof r->id, "%s", id);
    return r;
}

/* Checks that the consumer continues where the one before it stopped. */
static void check_resumed(const struct reader *r, const myl_joined *j, uint64_t gate)
{
    uint64_t stopped = j->start - j->lost;
    uint64_t most = r->high;
    /* A consumer with this id may have joined at the gate and died in between. */
    if (r->state == READER_UNSURE || (r->state == READER_LEFT && oracle.joins_died > 0))
        most = r->any_start ? UINT64_MAX : r->high > gate ? r->high : gate;
    if (r->state == READER_NONE) {
        SIM_CHECK(oracle.joins_died > 0, "resume", "consumer \"%s\" resumes, but has never joined", j->id);
        return;
    }
    SIM_CHECK(stopped >= r->low, "repeated",
              "consumer \"%s\" continues at event %" PRIu64 ", but it had acknowledged %" PRIu64, j->id, stopped,
              r->low);
    SIM_CHECK(stopped <= most, "lost",
              "consumer \"%s\" continues at event %" PRIu64 ", but it had acknowledged only %" PRIu64, j->id, stopped,
              r->high);
    SIM_CHECK(r->state != READER_DEAD || j->lost == 0, "lost", "consumer \"%s\" died, and %" PRIu64 " events are lost",
              j->id, j->lost);
}

static void check_fresh(const struct session *s, const struct reader *r, const myl_joined *j, enum myl_start start,
                        uint64_t published_before, uint64_t gate)
{
    SIM_CHECK(r->state != READER_DEAD || r->given_up || start != MYL_START_RESUME, "resume",
              "the entry of the dead consumer \"%s\" was not found", j->id);
    if (start == MYL_START_NOW) {
        /* A store published shortly before may still be in a buffer. */
        SIM_CHECK(j->start >= published_before || sim_memory_model() != SIM_MEMORY_SC, "start",
                  "consumer \"%s\" starts now at %" PRIu64 ", though %" PRIu64 " events were published before", j->id,
                  j->start, published_before);
        return;
    }
    SIM_CHECK(j->start <= gate, "lost",
              "consumer \"%s\" starts at %" PRIu64 ", but all events from %" PRIu64 " on are there", j->id, j->start,
              gate);
    /* The first consumer gets all events; a later one gets all events that not every consumer has read. */
    SIM_CHECK(s->alone == MYL_NO_CONSUMERS_OVERWRITE || oracle.joins_died > 0 || joiner_arrives_now() ||
                  j->start <= highest(s),
              "lost", "consumer \"%s\" starts at %" PRIu64 ", but no reader has got more than %" PRIu64 " events",
              j->id, j->start, s->highest);
}

struct reader *oracle_joined(struct session *s, const myl_joined *j, enum myl_start start, uint64_t published_before,
                             uint64_t gate)
{
    struct reader *r = reader_of(s, j->id);
    SIM_CHECK(!oracle_is_automatic(j->id) || (!j->resumed && r->state == READER_NONE), "automatic",
              "the automatic id \"%s\" was given to a second consumer", j->id);
    SIM_CHECK(r->state != READER_ACTIVE, "duplicate", "consumer id \"%s\" was given twice", j->id);
    /* A takeover of a ring of frames may publish an abort record in a cell before its open returns. */
    uint64_t given_up = s->words == 0 && (oracle.wanting > 0 || oracle.dead_unknown);
    SIM_CHECK(j->start <= s->publishing + given_up, "start",
              "consumer \"%s\" starts at %" PRIu64 ", but only %" PRIu64 " events were published", j->id, j->start,
              s->publishing);
    if (j->resumed)
        check_resumed(r, j, gate);
    else
        check_fresh(s, r, j, start, published_before, gate);
    r->state = READER_ACTIVE;
    r->low = r->high = j->start;
    r->given_up = 0;
    r->any_start = start == MYL_START_NOW;
    r->entry = j->entry;
    r->since = sim_points();
    if (r->dead_until == UINT64_MAX)
        r->dead_until = r->since;
    s->highest = s->highest < j->start ? j->start : s->highest;
    return r;
}

void oracle_read(struct session *s, const char *who, uint64_t expected, const uint64_t words[WORDS_MAX])
{
    uint64_t sequence = words[0] >> 24;
    unsigned tag = (unsigned)(words[0] >> 8) & 0xffffU;
    for (unsigned i = 0; i < s->words; i++)
        SIM_CHECK(words[i] == oracle_word(sequence, tag, i), "torn",
                  "\"%s\" reads at %" PRIu64 ": word %u is %#" PRIx64 " behind %#" PRIx64, who, expected, i, words[i],
                  words[0]);
    SIM_CHECK(sequence == expected, "order", "\"%s\" reads event %" PRIu64 " at %" PRIu64, who, sequence, expected);
    SIM_CHECK(sequence < s->publishing, "unpublished", "\"%s\" reads event %" PRIu64 ", which is not published", who,
              sequence);
    settle_writer(s, sequence, tag);
    s->seen = s->seen <= sequence ? sequence + 1 : s->seen;
}

void oracle_releases(struct session *s, struct reader *r, uint64_t next)
{
    r->high = next;
    s->highest = s->highest < next ? next : s->highest;
}

void oracle_released(struct reader *r, uint64_t next)
{
    r->low = next;
}

void oracle_leaves(struct reader *r)
{
    r->state = READER_UNSURE;
}

void oracle_left(struct reader *r)
{
    r->state = READER_LEFT;
}

void oracle_reader_died(struct reader *r, int expendable)
{
    r->given_up |= expendable;
    oracle.deaths++;
    r->dead_until = UINT64_MAX;
    for (unsigned i = 0; i < ORACLE_CLAIMS; i++) {
        if (gives_up(&oracle.claim[i]) && claims(&oracle.claim[i], r))
            r->given_up = 1;
    }
    if (r->state == READER_ACTIVE)
        r->state = READER_DEAD;
}

void oracle_evicted(const char *id, uint64_t since)
{
    unsigned possible = 0, known = 0;
    for (unsigned i = 0; i < oracle.sessions; i++) {
        for (unsigned k = 0; k < oracle.session[i].readers; k++) {
            struct reader *r = &oracle.session[i].reader[k];
            if (strcmp(r->id, id) != 0)
                continue;
            known++;
            possible += r->state != READER_ACTIVE || r->since >= since;
            if (r->state == READER_DEAD) {
                r->state = READER_UNSURE;
                r->dead_until = sim_points();
            }
        }
    }
    SIM_CHECK(known == 0 || possible > 0, "evicted", "%s has evicted consumer \"%s\", which is alive", sim_self_name(),
              id);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

void oracle_ended(const struct session *s, const char *who, uint64_t next)
{
    SIM_CHECK(s->closing, "end", "\"%s\" gets MYL_ECLOSED, but no producer has closed the stream", who);
    SIM_CHECK(next == s->closed_at, "lost", "\"%s\" gets the end of the stream at %" PRIu64 " of %" PRIu64 " events",
              who, next, s->closed_at);
}

int oracle_lane_lives(const struct session *s, uint64_t since)
{
    /* A reader that has seen a lane's end may continue to see it, because loads may return old values. */
    return s->producing && s->produced_at <= since && sim_memory_model() != SIM_MEMORY_WEAK;
}

int oracle_lane_ended(const struct session *s, const char *who, uint64_t next, uint64_t since)
{
    int known = s->takeovers > 0 && s->first_at <= since, at_an_end = 0;
    for (unsigned i = 0; i < s->ends; i++)
        at_an_end |= s->ended[i] == next;
    SIM_CHECK(!known || s->ends > 0, "end", "%s gets the end of all lanes, but no producer has closed lane %" PRIu32,
              who, s->lane);
    SIM_CHECK(!oracle_lane_lives(s, since), "end", "%s gets the end of all lanes; lane %" PRIu32 " is open", who,
              s->lane);
    SIM_CHECK(!known || at_an_end, "lost",
              "%s gets the end of all lanes, at %" PRIu64 " of lane %" PRIu32 ", where it never ended", who, next,
              s->lane);
    SIM_CHECK(sim_memory_model() == SIM_MEMORY_WEAK || !known || s->produced_at > since || next == s->closed_at, "lost",
              "%s gets the end of all lanes, at %" PRIu64 " of lane %" PRIu32 ", which ended at %" PRIu64, who, next,
              s->lane, s->closed_at);
    return s->ends > 0;
}

/* Returns 1 if all events below `end` were read, or may have been overwritten without consumers. */
static int may_be_gone(const struct session *s, uint64_t end)
{
    return s->alone == MYL_NO_CONSUMERS_OVERWRITE || oracle.joins_died > 0 || joiner_arrives_now()
               ? end <= s->publishing
               : end <= highest(s);
}

void oracle_ended_for_observer(const struct session *s, const char *who, uint64_t next)
{
    SIM_CHECK(s->closing, "end", "\"%s\" gets MYL_ECLOSED, but no producer has closed the stream", who);
    SIM_CHECK(next == s->closed_at || (next < s->closed_at && may_be_gone(s, s->closed_at)), "lost",
              "\"%s\" gets the end of the stream at %" PRIu64 " of %" PRIu64 " events", who, next, s->closed_at);
}

void oracle_overrun(const struct session *s, const char *who, uint64_t next, uint64_t lost)
{
    SIM_CHECK(lost == 0 || may_be_gone(s, next + lost), "lost",
              "\"%s\" gets a report that it lost events %" PRIu64 " to %" PRIu64 ", which cannot have been overwritten",
              who, next, next + lost - 1);
}

void oracle_producer_left(const struct session *s, const char *who, int rc, uint64_t next, uint64_t since,
                          unsigned takeovers)
{
    int dead = s->dead || oracle.dead_unknown || s->dead_until >= since;
    /* A ring that never had a producer was left by the process that created it. */
    int left = s->left || s->left_until >= since || (s->takeovers == 0 && oracle.open_failed);
    SIM_CHECK(rc == MYL_EPRODUCERDEAD ? dead : left, "report", "\"%s\" gets %s, but the producer has not %s", who,
              myl_errname(rc), rc == MYL_EPRODUCERDEAD ? "died" : "left");
    SIM_CHECK(sim_lock_was_free(s->inode, s->lane) >= since, "report",
              "\"%s\" gets a report that the producer ended, but its lock was held all the time", who);
    SIM_CHECK(s->takeovers != takeovers || next >= s->committed, "lost",
              "\"%s\" gets a report that the producer ended at %" PRIu64 ", though %" PRIu64 " events are published",
              who, next, s->committed);
}

void oracle_consumer_death_reported(const struct session *s, uint64_t since)
{
    for (unsigned i = 0; i < s->readers; i++) {
        if (s->reader[i].dead_until >= since)
            return;
    }
    SIM_CHECK(oracle.joins_died > 0, "report", "%s gets a report that a consumer is dead, but none is",
              sim_self_name());
}

void oracle_consumed(const struct session *s, uint64_t count, uint64_t since)
{
    if (sim_memory_model() != SIM_MEMORY_SC)
        return; /* a consumer that has just joined may not be visible yet */
    for (unsigned i = 0; i < s->readers; i++) {
        const struct reader *r = &s->reader[i];
        SIM_CHECK(!protects(r) || r->since >= since || frames_bound(s, r) >= count, "report",
                  "%s gets a report that %" PRIu64 " events are consumed, but \"%s\" is at %" PRIu64, sim_self_name(),
                  count, r->id, r->high);
    }
}

/* A parked producer requests a quarter of the ring more than it needs, so that the next event need not wait again. It
 * never requests more than was published. */
static uint64_t cursor_it_waits_for(const struct session *s, uint64_t end, uint64_t published)
{
    uint64_t least = end <= s->capacity ? 0 : floor_to(end - s->capacity + s->per_cell - 1, s->per_cell);
    uint64_t asked = least + s->capacity / 4;
    if (asked > published)
        asked = published;
    return asked > least ? asked : least;
}

int oracle_has_room(const struct session *s, uint64_t end, uint64_t published)
{
    unsigned gating = 0;
    if (s->lanes > 1 && joiner_arrives())
        return 0; /* it may have joined some lanes, and waits for its turn to join the others */
    uint64_t cursor = cursor_it_waits_for(s, end, published);
    for (unsigned i = 0; i < s->readers; i++) {
        const struct reader *r = &s->reader[i];
        if (r->state == READER_UNSURE || r->state == READER_DEAD)
            return 0;
        if (r->state != READER_ACTIVE)
            continue;
        gating++;
        if (r->low < cursor)
            return 0;
    }
    return gating > 0;
}

int oracle_has_event(const struct session *s, uint64_t next)
{
    return s->committed > next || (s->closed && s->closed_at == next);
}
