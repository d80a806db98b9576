/* SPDX-License-Identifier: MIT
 * myelon pub: standard input as messages, to any number of `myelon sub`. */
#define _POSIX_C_SOURCE 200809L
#include "blob.h"
#include "tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10)

static const char help[] =
    "usage: myelon pub [OPTION]... NAME\n"
    "       myelon pub [OPTION]... --file PATH\n"
    "\n"
    "Publishes each line of standard input, with its newline, as a message to every 'myelon sub NAME', as fast as the\n"
    "slowest of them reads. Standard input's end is the stream's end.\n"
    "\n"
    "  -b, --blobs        messages are not lines: each has its length in front, 4 bytes, lowest first\n"
    "  -w, --wait N       waits for N consumers before the first message (default 1; 0: for none)\n"
    "  -l, --leave        at the end of standard input the stream goes on: with the next 'myelon pub'\n"
    "  -n, --lanes N      for N publishers at once, up to 16, each in a lane (default: as the ring is, or 1)\n"
    "  -L, --lane ID      takes the lane of this id, where a killed publisher goes on; up to 31 of A-Z a-z 0-9 . _ -\n"
    "  -r, --ring SIZE    room in the ring (default: half of a core's cache, at least 1M)\n"
    "  -m, --max SIZE     longest message (default: as the ring is, or 16M)\n"
    "  -t, --timeout SEC  gives up after SEC seconds in which nobody read (default: never)\n"
    "  -T, --type ID      the ring's type id; readers may ask for it\n"
    "  -f, --file PATH    a ring in this mapped file instead of a name in shared memory\n"
    "  -q, --quiet        no figures, only what went wrong\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit codes: 1 failed, 5 another producer is alive or all lanes are taken, 6 timed out,\n"
    "128 + n ended by signal n.\n";

struct pub {
    struct cli_target target;
    myl_frame_producer_options ring;
    int64_t timeout_ns;
    int blobs, leave, quiet;
    uint64_t wait, lanes;
    uint64_t most;       /* longest message; 0: as the ring is */
    struct tally tally;
};

static myl_frame_producer *own; /* for the signal handler */

static void wake(void)
{
    if (own != NULL)
        myl_frame_producer_interrupt(own);
}

static int set_option(struct pub *pub, int option, const char *value, const char **file)
{
    switch (option) {
    case 'b':
        pub->blobs = 1;
        return 0;
    case 'w':
        return cli_parse_number("--wait", value, 0, MYL_CONSUMERS_MAX, &pub->wait);
    case 'l':
        pub->leave = 1;
        return 0;
    case 'n':
        return cli_parse_number("--lanes", value, 1, MYL_LANES_MAX, &pub->lanes);
    case 'L':
        pub->ring.lane = value;
        return 0;
    case 'r':
        return cli_parse_size("--ring", value, 65536, UINT64_C(1) << 38, &pub->ring.ring_bytes);
    case 'm':
        return cli_parse_size("--max", value, 64, UINT64_C(1) << 31, &pub->most);
    case 't':
        return cli_parse_seconds("--timeout", value, &pub->timeout_ns);
    case 'T':
        return cli_parse_type("--type", value, &pub->ring.ring.type_id);
    case 'f':
        *file = value;
        return 0;
    default:
        pub->quiet = 1;
        return 0;
    }
}

static int timed_out(const struct pub *pub)
{
    return cli_fail(CLI_TIMEOUT, "no reader has made room for %s", cli_duration(pub->timeout_ns).s);
}

/* How far the slowest reader is behind. */
static uint64_t lag_of(const myl_producer *ring)
{
    return (uint64_t)(myl_producer_last(ring) - myl_producer_gating(ring)) * CLI_CELL;
}

/* A dead reader holds the others up until it comes back or is given up. The call waits for that, since a message that
 * is longer than the ring is begun by then; it is said from within. */
static void tell(const myl_alert *alert, void *user)
{
    const struct pub *pub = user;
    if (alert->kind == MYL_ALERT_DIED)
        cli_say("consumer %s (process %d) died, %s behind, and holds the ring: start it again under its id, or "
                "'myelon evict %s %s'",
                alert->id, (int)alert->pid, cli_bytes(alert->behind * CLI_CELL).s, cli_target_text(&pub->target),
                alert->id);
}

static int publish(struct pub *pub, const unsigned char *message, uint64_t length)
{
    int rc;
    do
        rc = myl_frame_producer_publish(own, message, (size_t)length, 0, pub->timeout_ns);
    while (rc == MYL_EINTERRUPTED && cli_stop_signal() == 0);
    if (rc == MYL_EINTERRUPTED)
        return 128 + cli_stop_signal();
    if (rc == MYL_ETIMEDOUT)
        return timed_out(pub);
    if (rc != MYL_OK)
        return cli_ring_error(rc);
    if (tally_add(&pub->tally, length))
        tally_draw(&pub->tally, lag_of(myl_frame_producer_ring(own)));
    return 0;
}

/* Publishes what is whole of `bytes`; *used tells how much. `ended`: nothing follows. */
static int publish_whole(struct pub *pub, const unsigned char *bytes, size_t count, int ended, size_t *used)
{
    int code = 0;
    for (*used = 0; code == 0 && *used < count;) {
        const unsigned char *at = bytes + *used;
        size_t left = count - *used, skip = 0;
        uint64_t length;
        if (pub->blobs) {
            if (left < BLOB_HEAD)
                break;
            length = blob_length(at);
            skip = BLOB_HEAD;
            if (length <= pub->most && length > left - skip)
                break;
        } else {
            const unsigned char *end = memchr(at, '\n', left);
            if (end == NULL && !ended && left <= pub->most)
                break;
            length = end != NULL ? (uint64_t)(end - at) + 1 : left;
        }
        if (length > pub->most)
            return cli_fail(CLI_FAILED, "message %llu has more than %llu bytes; raise --max",
                            (unsigned long long)pub->tally.messages + 1, (unsigned long long)pub->most);
        code = publish(pub, at + skip, length);
        *used += skip + (size_t)length;
    }
    return code;
}

static int read_some(unsigned char *to, size_t room, size_t *got)
{
    for (;;) {
        ssize_t n = read(STDIN_FILENO, to, room);
        if (n >= 0) {
            *got = (size_t)n;
            return 0;
        }
        if (cli_stop_signal() != 0)
            return 128 + cli_stop_signal();
        if (errno != EINTR)
            return cli_fail(CLI_FAILED, "standard input cannot be read: %s", strerror(errno));
    }
}

static int publish_all(struct pub *pub)
{
    size_t room = READ_BYTES, filled = 0, got = 1, used;
    unsigned char *buffer = malloc(room);
    int code = 0;
    if (buffer == NULL)
        return cli_fail(CLI_FAILED, "no memory for %zu bytes of standard input", room);
    while (code == 0 && got > 0) {
        if (filled == room) { /* less than a message: make room for a longer one */
            unsigned char *larger = realloc(buffer, room * 2);
            if (larger == NULL) {
                code = cli_fail(CLI_FAILED, "no memory for a message of more than %zu bytes", room);
                break;
            }
            buffer = larger;
            room *= 2;
        }
        code = read_some(buffer + filled, room - filled, &got);
        if (code != 0)
            break;
        filled += got;
        code = publish_whole(pub, buffer, filled, got == 0, &used);
        filled -= used;
        memmove(buffer, buffer + used, filled);
    }
    if (code == 0 && filled > 0)
        code = cli_fail(CLI_FAILED, "standard input ends in the middle of a blob");
    free(buffer);
    return code;
}

/* What the ring allows is what counts, whoever made it; then the wait for readers. */
static int begin(struct pub *pub)
{
    const myl_liveness_options policy = {.size = sizeof policy, .alert = tell, .user = pub};
    myl_info info = {.size = sizeof info};
    int rc = myl_producer_info(myl_frame_producer_ring(own), &info);
    pub->most = info.max_message;
    myl_frame_producer_busy(own, NULL, 0);
    if (rc == MYL_OK)
        rc = myl_frame_producer_manage(own, &policy);
    if (rc == MYL_OK && pub->wait > 0)
        rc = myl_frame_producer_wait_consumers(own, NULL, (uint32_t)pub->wait, pub->timeout_ns);
    return rc;
}

static int run(struct pub *pub)
{
    pub->ring.ring.backend = pub->target.backend;
    pub->ring.ring.on_death = MYL_DEATH_WAIT;
    pub->ring.max_message = pub->most;
    pub->ring.lanes = (uint32_t)pub->lanes;
    pub->ring.ring.max_consumers = cli_consumers_for(pub->wait);
    int rc = myl_frame_producer_open(&own, pub->target.name, &pub->ring);
    if (rc != MYL_OK)
        return cli_ring_error(rc);
    cli_stop_on_signals(wake);
    rc = begin(pub);
    int code = 0;
    if (rc == MYL_ETIMEDOUT)
        code = cli_fail(CLI_TIMEOUT, "fewer than %llu readers came", (unsigned long long)pub->wait);
    else if (rc == MYL_EINTERRUPTED)
        code = 128 + cli_stop_signal();
    else if (rc != MYL_OK)
        code = cli_ring_error(rc);
    tally_start(&pub->tally, pub->quiet);
    if (code == 0)
        code = publish_all(pub);
    tally_end(&pub->tally, "published");
    myl_frame_producer *producer = own;
    own = NULL;
    if (code != 0)
        myl_frame_producer_busy(producer, BLOB_GAVE_UP, 0); /* else its end would look like the input's */
    if (pub->leave)
        myl_frame_producer_leave(producer);
    else
        myl_frame_producer_close(producer);
    return code;
}

int cmd_pub(int argc, char **argv)
{
    static const struct option options[] = {
        {"blobs", no_argument, NULL, 'b'},
        {"wait", required_argument, NULL, 'w'},
        {"leave", no_argument, NULL, 'l'},
        {"lanes", required_argument, NULL, 'n'},
        {"lane", required_argument, NULL, 'L'},
        {"ring", required_argument, NULL, 'r'},
        {"max", required_argument, NULL, 'm'},
        {"timeout", required_argument, NULL, 't'},
        {"type", required_argument, NULL, 'T'},
        {"file", required_argument, NULL, 'f'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct pub pub = {.wait = 1, .timeout_ns = MYL_FOREVER};
    const char *file = NULL;
    int code = 0, option;
    pub.ring.size = sizeof pub.ring;
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":bw:ln:L:r:m:t:T:f:qh", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return CLI_OK;
        }
        code = option == '?' || option == ':' ? cli_bad_option(option, argv) : set_option(&pub, option, optarg, &file);
    }
    if (code == 0)
        code = cli_target(&pub.target, file, argc, argv);
    if (code == 0)
        code = cli_no_more(argc, argv);
    return code == 0 ? run(&pub) : code;
}
