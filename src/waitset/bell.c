/* SPDX-License-Identifier: MIT
 * The thread that serves the descriptor of a wait set. It sleeps on the words that the owner of the set has announced.
 * It touches nothing else of the handles. */
#include "waitset/bell.h"

#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Who may write what: the owner changes IDLE and ARMED, the thread changes ARMED, RINGING and STOPPING. Words, count
 * and deadline belong to the owner while IDLE, else to the thread. */
enum state {
    IDLE,      /* the descriptor is readable; the thread sleeps on the state */
    ARMED,     /* the thread sleeps on the words and the state */
    RINGING,   /* the thread is about to make the descriptor readable */
    STOPPING,  /* the owner waits for the thread, which then becomes IDLE */
    ENDING,    /* the thread ends */
};

struct myl_bell {
    pthread_t thread;
    struct myl_os_event event;
    myl_au32 state;
    bool forked;
    struct myl_deadline until;
    uint32_t count;
    struct myl_os_park_word word[MYL_BELL_WORDS + 1]; /* the last one is the state */
};

static void set_state(struct myl_bell *bell, enum state state)
{
    /* A89 state of a bell [rel]: words and deadline, or the thread's last use of them, come before. Pairs: A90 */
    myl_store32_rel(&bell->state, state);
    myl_os_wake(&bell->state);
}

static enum state state_of(const struct myl_bell *bell)
{
    return (enum state)myl_load32_acq(&bell->state); /* A90. Pairs: A89, A91 */
}

static bool change_state(struct myl_bell *bell, enum state from, enum state to)
{
    uint32_t state = from;
    return myl_cas32_sc(&bell->state, &state, to); /* A91: one of two threads leaves ARMED. Pairs: A90 */
}

/* Sleeps until a word changes, the deadline passes, or the owner stops it. Then rings, unless it was stopped. */
static void sleep_armed(struct myl_bell *bell)
{
    for (;;) {
        int64_t left = myl_deadline_left(bell->until, myl_os_now());
        if (left > 0)
            (void)myl_os_park_any(bell->word, bell->count + 1, left);
        if (state_of(bell) != ARMED)
            return;
        if (left == 0 || myl_os_word_changed(bell->word, bell->count))
            break;
    }
    if (!change_state(bell, ARMED, RINGING))
        return;
    myl_os_event_set(&bell->event);
    set_state(bell, IDLE);
}

static void *thread_main(void *argument)
{
    struct myl_bell *bell = argument;
    myl_os_thread_name("myelon-waitset");
    for (;;) {
        enum state state = state_of(bell);
        if (state == ENDING)
            return NULL;
        if (state == ARMED)
            sleep_armed(bell);
        else if (state == STOPPING)
            set_state(bell, IDLE);
        else
            (void)myl_os_park(&bell->state, state, INT64_MAX);
    }
}

int myl_bell_make(struct myl_bell **bell)
{
    struct myl_bell *made = calloc(1, sizeof *made);
    *bell = NULL;
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for the descriptor of a wait set");
    int err = myl_os_event_open(&made->event);
    if (err != 0) {
        free(made);
        return myl_fail_errno(err, "a wait set gets no descriptor");
    }
    myl_os_event_set(&made->event);
    err = myl_os_thread_start(&made->thread, NULL, thread_main, made);
    if (err != 0) {
        myl_os_event_close(&made->event);
        free(made);
        return myl_fail_errno(err, "cannot start the thread of a wait set's descriptor");
    }
    *bell = made;
    return MYL_OK;
}

int myl_bell_fd(const struct myl_bell *bell)
{
    return bell->event.fd;
}

void myl_bell_arm(struct myl_bell *bell, const struct myl_os_park_word *words, uint32_t count,
                  struct myl_deadline until)
{
    myl_os_event_clear(&bell->event);
    memcpy(bell->word, words, count * sizeof *words);
    bell->word[count] = (struct myl_os_park_word){&bell->state, ARMED};
    bell->count = count;
    bell->until = until;
    set_state(bell, ARMED);
}

void myl_bell_disarm(struct myl_bell *bell)
{
    enum state state = state_of(bell);
    if (state == IDLE)
        return;
    bool stopped = change_state(bell, ARMED, STOPPING);
    if (stopped)
        myl_os_wake(&bell->state);
    while ((state = state_of(bell)) != IDLE)
        (void)myl_os_park(&bell->state, state, INT64_MAX);
    if (stopped)
        myl_os_event_set(&bell->event);
}

void myl_bell_forked(struct myl_bell *bell)
{
    bell->forked = true;
    myl_os_event_close(&bell->event);
}

void myl_bell_end(struct myl_bell *bell)
{
    if (!bell->forked) {
        set_state(bell, ENDING);
        (void)pthread_join(bell->thread, NULL);
        myl_os_event_close(&bell->event);
    }
    free(bell);
}
