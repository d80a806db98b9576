/* SPDX-License-Identifier: MIT
 * Makes a ring with arbitrary texts: odd_ring NAME LABEL ACTIVITY. Its producer has left and its consumer "odd" has
 * died. Both have set ACTIVITY. At the end LABEL is written into the header, and the ring is renamed to NAME, so the
 * library need not accept them. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <myelon/myelon.h>

static int failed(const char *what)
{
    fprintf(stderr, "odd_ring: %s: %s\n", what, myl_error_detail());
    return 1;
}

/* docs/segment-format.md, "Header": the label at 160, a checksum of the bytes before it at 496. */
static int write_label(const char *path, const char *label)
{
    unsigned char header[504];
    uint64_t checksum = 0xcbf29ce484222325;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || pread(fd, header, sizeof header, 0) != (ssize_t)sizeof header)
        return -1;
    memset(header + 160, 0, 32);
    memcpy(header + 160, label, strnlen(label, 31));
    for (size_t i = 0; i < 496; i++)
        checksum = (checksum ^ header[i]) * 0x100000001b3;
    memcpy(header + 496, &checksum, sizeof checksum);
    ssize_t written = pwrite(fd, header, sizeof header, 0);
    return close(fd) == 0 && written == (ssize_t)sizeof header ? 0 : -1;
}

int main(int argc, char **argv)
{
    char made[64], from[4200], to[4200];
    myl_producer *producer;
    myl_consumer *consumer;
    if (argc != 4)
        return failed("usage: odd_ring NAME LABEL ACTIVITY");
    (void)snprintf(made, sizeof made, "myl-test-%s-odd-%d", getenv("MYL_TEST_TAG"), (int)getpid());
    const myl_producer_options options = {.size = sizeof options, .config = {.event_size = 8, .capacity = 64}};
    const myl_consumer_options reader = {.size = sizeof reader, .ring.id = "odd"};
    if (myl_producer_open(&producer, made, &options) != MYL_OK)
        return failed("the producer");
    if (myl_consumer_open(&consumer, made, &reader) != MYL_OK)
        return failed("the consumer");
    myl_producer_set_activity(producer, argv[3], 0);
    myl_consumer_set_activity(consumer, argv[3], 0);
    myl_producer_leave(producer);
    (void)snprintf(from, sizeof from, "%s/%s", myl_shm_directory(), made);
    if (write_label(from, argv[2]) != 0)
        return failed("the label");
    (void)snprintf(to, sizeof to, "%s/%s", myl_shm_directory(), argv[1]);
    return rename(from, to) == 0 ? 0 : failed("rename");
}
