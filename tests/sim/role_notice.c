/* SPDX-License-Identifier: MIT
 * Activity notices: set at any moment, and killed within. A reader sees no notice, or one complete notice that was set.
 * No consumer is reported as stalled before its deadline. */
#include "world.h"

#include "os/os.h"

#include <stdio.h>
#include <string.h>

#define NOTICES 8192
#define WORD 8 /* bytes of a text that are stored at once */
#define WORDS ((MYL_ACTIVITY_MAX + 1) / WORD)

/* The notices that were set in this run, by number. */
static struct notice {
    int64_t begun, patience_ns;
} notices[NOTICES];
static unsigned count;

void notices_begin(void)
{
    count = 0;
}

/* Each word of a text has the number of its notice and its position. */
static void text_of(unsigned number, char text[MYL_ACTIVITY_MAX + 1])
{
    for (unsigned i = 0; i < WORDS; i++) {
        char word[16];
        (void)snprintf(word, sizeof word, "%06u%u.", number % 1000000, i);
        memcpy(text + (size_t)i * WORD, word, WORD);
    }
    text[MYL_ACTIVITY_MAX] = '\0';
}

static int64_t draw_activity(void)
{
    unsigned draw = sim_draw(4);
    return draw == 0 ? 0 : draw == 1 ? MYL_SEC(100) : MYL_USEC(1) + (int64_t)sim_draw(5000000);
}

/* Sets a notice by `busy`, or clears the last one. */
void role_set_activity(struct role *role, void (*busy)(void *handle, const char *doing, int64_t patience_ns),
                       void *handle)
{
    char text[MYL_ACTIVITY_MAX + 1];
    if (!role->notices || sim_draw(2) == 0)
        return;
    role->activity = (struct activity){0};
    if (sim_draw(4) == 0 || count == NOTICES) {
        busy(handle, NULL, 0);
        return;
    }
    unsigned number = count++;
    int64_t patience_ns = draw_activity();
    notices[number] = (struct notice){.begun = sim_now(), .patience_ns = patience_ns};
    text_of(number, text);
    sim_note("sets activity \"%s\" for %lld us", text, (long long)patience_ns / 1000);
    busy(handle, text, patience_ns);
    role->activity = (struct activity){.until = notices[number].begun + patience_ns, .set_at = sim_now()};
    if (role->kind == ROLE_CONSUMER && sim_draw(4) == 0)
        (void)myl_os_sleep((int64_t)sim_draw(4000000)); /* the activity that the deadline is for */
}

/* A notice was read by a call that began at `began`. */
void notice_seen(const char *owner, const char *text, int64_t patience_ns, int64_t began)
{
    char whole[MYL_ACTIVITY_MAX + 1];
    unsigned number = 0;
    if (text[0] == '\0') {
        SIM_CHECK(patience_ns == 0, "notice", "\"%s\" has no activity text, but a deadline of %lld ns", owner,
                  (long long)patience_ns);
        return;
    }
    int known = sscanf(text, "%6u", &number) == 1 && number < count;
    text_of(number, whole);
    SIM_CHECK(known && strcmp(text, whole) == 0, "notice", "\"%s\" has the activity text \"%s\", which was never set",
              owner, text);
    const struct notice *notice = &notices[number];
    int64_t most = notice->patience_ns + (sim_now() - began), least = notice->begun + notice->patience_ns - sim_now();
    SIM_CHECK(notice->patience_ns == 0 ? patience_ns == 0
                                       : patience_ns != 0 && patience_ns <= most && patience_ns >= least - 1,
              "notice", "\"%s\" has activity \"%s\" with %lld ns left; it was set for %lld ns, %lld ns ago", owner,
              text, (long long)patience_ns, (long long)notice->patience_ns, (long long)(sim_now() - notice->begun));
}

/* Checks the notices that are visible from outside. */
void notices_seen(const myl_snapshot *snapshot, int64_t began)
{
    notice_seen("the producer", snapshot->producer_activity, snapshot->producer_activity_left_ns, began);
    for (uint32_t i = 0; i < snapshot->consumers; i++)
        notice_seen(snapshot->entry[i].id, snapshot->entry[i].activity, snapshot->entry[i].activity_left_ns, began);
}

/* A call that began at `began` reports `id` as stalled: checks that its deadline was over. */
void notice_checked(const struct world *world, const char *id, int64_t began)
{
    int64_t settle_ns = world->conditions.memory == SIM_MEMORY_SC ? 0 : world->conditions.settle_ns;
    for (unsigned i = 0; i < world->roles; i++) {
        const struct role *role = &world->role[i];
        if (role->kind != ROLE_CONSUMER || role->phase != PHASE_IN || strcmp(role->id, id) != 0)
            continue;
        int known = role->activity.set_at != 0 && settle_ns < began - role->activity.set_at;
        SIM_CHECK(!known || role->activity.until <= sim_now(), "notice",
                  "%s reports \"%s\" as stalled %lld ns before its deadline", sim_self_name(), id,
                  (long long)(role->activity.until - sim_now()));
    }
}
