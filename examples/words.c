/* SPDX-License-Identifier: MIT
 * Counts the words of texts with one scheduler and several workers, each a process of its own. The scheduler cuts the
 * texts into shards and sends each to the worker that has the fewest; a shard whose worker dies goes to another one.
 *   words schedule LABEL WORKERS SHARDS RATE FILE...  sends SHARDS shards, RATE a second; prints the words and their
 *                                                     counts, and the progress to standard error
 *   words work LABEL RANK [WARM_UP_MS]                is a worker until the session ends
 *   words count SHARDS FILE...                        the same words and counts by this process alone
 *   words rings LABEL                                 prints the names of the session's rings */
#include <ctype.h>
#include <myelon/myelon.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHARD_BYTES = 16384, WORD_MAX = 40, IN_FLIGHT_MAX = 64, OP_WARM_UP = 1, OP_COUNT = 2 };
#define WARM_UP_NS MYL_MSEC(500) /* the deadline of a warm-up; a worker that needs longer says so */

static myl_scheduler *scheduler; /* closed on every way out: a closed scheduler ends its workers and leaves no rings */

static void fail(const char *what)
{
    fprintf(stderr, "words: %s\n", what);
    myl_scheduler_close(scheduler);
    exit(1);
}

static void check(int rc)
{
    if (rc != MYL_OK)
        fail(myl_error_detail());
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- words and their counts ------------------------------------------------------------------------------------- */

/* Also the form of a reply: an array of these. Longer words are cut. */
struct word {
    uint64_t count; /* 0: a free place of the table */
    char text[WORD_MAX];
};

struct table {
    struct word *word; /* `capacity` places, a power of two, at most half of them in use */
    size_t capacity, used;
};

static void add(struct table *table, const char text[WORD_MAX], uint64_t count);

static void grow(struct table *table)
{
    struct table larger = {.capacity = table->capacity == 0 ? 1024 : table->capacity * 2};
    larger.word = calloc(larger.capacity, sizeof *larger.word);
    if (larger.word == NULL)
        fail("no memory is left for the words");
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->word[i].count != 0)
            add(&larger, table->word[i].text, table->word[i].count);
    }
    free(table->word);
    *table = larger;
}

static void add(struct table *table, const char text[WORD_MAX], uint64_t count)
{
    if (table->used * 2 >= table->capacity)
        grow(table);
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    size_t place = hash & (table->capacity - 1);
    while (table->word[place].count != 0 && strcmp(table->word[place].text, text) != 0)
        place = (place + 1) & (table->capacity - 1);
    if (table->word[place].count == 0) {
        memcpy(table->word[place].text, text, WORD_MAX);
        table->used++;
    }
    table->word[place].count += count;
}

static int is_word_byte(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* A word ends at each byte that is no letter, no digit and not beyond ASCII. */
static void count_words(struct table *table, const char *data, size_t length)
{
    for (size_t i = 0; i < length;) {
        char text[WORD_MAX] = "";
        size_t bytes = 0;
        for (; i < length && is_word_byte(data[i]); i++) {
            if (bytes < WORD_MAX - 1)
                text[bytes++] = (char)tolower((unsigned char)data[i]);
        }
        if (bytes > 0)
            add(table, text, 1);
        else
            i++;
    }
}

/* Moves the words to the front. */
static void pack(struct table *table)
{
    size_t packed = 0;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->word[i].count != 0)
            table->word[packed++] = table->word[i];
    }
}

static int by_count(const void *left, const void *right)
{
    const struct word *a = left, *b = right;
    return a->count != b->count ? (a->count < b->count ? 1 : -1) : strcmp(a->text, b->text);
}

static void print_words(struct table *table)
{
    pack(table);
    if (table->used > 0)
        qsort(table->word, table->used, sizeof *table->word, by_count);
    for (size_t i = 0; i < table->used; i++)
        printf("%llu %s\n", (unsigned long long)table->word[i].count, table->word[i].text);
}

/* --- texts and shards ------------------------------------------------------------------------------------------- */

struct text {
    char *data;
    size_t length;
};

static void read_file(struct text *text, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t got = 1;
    while (file != NULL && got > 0) {
        char *data = realloc(text->data, text->length + SHARD_BYTES + 1);
        if (data == NULL)
            fail("no memory is left for the texts");
        text->data = data;
        got = fread(data + text->length, 1, SHARD_BYTES, file);
        text->length += got;
    }
    if (file == NULL || ferror(file))
        fail(path);
    fclose(file);
    text->data[text->length++] = '\n'; /* the last word ends with its file */
}

static struct text read_files(char **paths)
{
    struct text text = {NULL, 0};
    for (; *paths != NULL; paths++)
        read_file(&text, *paths);
    if (text.length == 0)
        fail("there is no text; name a file");
    return text;
}

/* The shard that begins at *place: about SHARD_BYTES, cut between words. After the last one the text begins again. */
static struct text next_shard(const struct text *text, size_t *place)
{
    if (*place == text->length)
        *place = 0;
    struct text shard = {text->data + *place, text->length - *place};
    if (shard.length > SHARD_BYTES) {
        size_t cut = SHARD_BYTES;
        while (cut > 1 && is_word_byte(shard.data[cut - 1]))
            cut--;
        shard.length = cut > 1 ? cut : SHARD_BYTES;
    }
    *place += shard.length;
    return shard;
}

static int count_alone(unsigned long shards, char **paths)
{
    struct text text = read_files(paths);
    struct table table = {NULL, 0, 0};
    size_t place = 0;
    for (unsigned long i = 0; i < shards; i++) {
        struct text shard = next_shard(&text, &place);
        count_words(&table, shard.data, shard.length);
    }
    print_words(&table);
    free(table.word);
    free(text.data);
    return 0;
}

/* --- worker ------------------------------------------------------------------------------------------------------ */

static void warm_up(myl_worker *worker, int64_t ns)
{
    if (ns > WARM_UP_NS)
        myl_worker_set_activity(worker, "warming up", ns + MYL_SEC(30));
    struct timespec rest = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&rest, NULL);
    myl_worker_set_activity(worker, NULL, 0);
}

static void serve(myl_worker *worker, struct myl_work *work, int64_t warm_up_ns)
{
    struct table table = {NULL, 0, 0};
    if (work->op == OP_WARM_UP)
        warm_up(worker, warm_up_ns);
    else
        count_words(&table, work->data, work->length);
    pack(&table);
    check(myl_worker_reply(worker, work, table.word, table.used * sizeof *table.word, 0, MYL_REPLY_FINAL, MYL_FOREVER));
    check(myl_worker_release(worker, work));
    free(table.word);
}

static int be_worker(const myl_fabric_config *config, int64_t warm_up_ns)
{
    myl_worker_options options = {.size = sizeof options, .on_scheduler_death = MYL_DEATH_WAIT};
    myl_worker *worker = NULL;
    myl_work work;
    int rc;
    check(myl_worker_open(&worker, config, &options));
    while ((rc = myl_worker_next(worker, &work, MYL_FOREVER)) == MYL_OK) {
        if (work.kind == MYL_WORK_REQUEST)
            serve(worker, &work, warm_up_ns);
    }
    myl_worker_close(worker);
    if (rc != MYL_ECLOSED)
        check(rc);
    return 0;
}

/* --- scheduler --------------------------------------------------------------------------------------------------- */

struct job {
    struct text text;
    size_t place;
    struct table table;
    unsigned long shards, sent, done;
    unsigned long in_flight;
    unsigned long by_worker[MYL_WORKERS_MAX];
    uint32_t workers;
    int64_t start, interval; /* shard i is due at start + i * interval */
    int64_t *latency; /* of shard i: from when it was due to its reply */
    int percent; /* of the last line of progress */
};

static void report_progress(struct job *job)
{
    int percent = (int)(job->done * 100 / job->shards);
    if (percent / 10 == job->percent / 10)
        return;
    job->percent = percent;
    fprintf(stderr, "words: %3d %%, %lu of %lu shards; by worker:", percent, job->done, job->shards);
    for (uint32_t i = 0; i < job->workers; i++)
        fprintf(stderr, " %lu", job->by_worker[i]);
    fprintf(stderr, "\n");
}

static void take_reply(struct job *job, myl_fabric_event *event)
{
    const struct word *word = event->data;
    if (event->length % sizeof *word != 0 || event->tag >= job->shards)
        fail("a worker sent a reply that is no list of words");
    for (size_t i = 0; i < event->length / sizeof *word; i++) {
        struct word own = word[i];
        own.text[WORD_MAX - 1] = '\0';
        add(&job->table, own.text, own.count);
    }
    job->latency[event->tag] = now_ns() - (job->start + (int64_t)event->tag * job->interval);
    job->by_worker[event->worker]++;
    job->in_flight--;
    job->done++;
    report_progress(job);
}

static void take_event(struct job *job, myl_fabric_event *event)
{
    if (event->kind == MYL_EVENT_REPLY)
        take_reply(job, event);
    else if (event->kind == MYL_EVENT_WORKER_JOINED)
        fprintf(stderr, "words: worker %u joined: process %d, number %u of this rank\n", event->worker, event->pid,
                event->incarnation);
    else if (event->kind == MYL_EVENT_WORKER_DIED)
        fprintf(stderr, "words: worker %u died: process %d; the others get its %u shards\n", event->worker, event->pid,
                event->kept);
    else if (event->kind == MYL_EVENT_FAILED || event->kind == MYL_EVENT_BAD)
        fail("a shard was lost");
    check(myl_scheduler_release(scheduler, event));
}

/* Sends the shards that are due, as far as there is room. */
static void send_shards(struct job *job)
{
    while (job->sent < job->shards && job->in_flight < IN_FLIGHT_MAX &&
           job->start + (int64_t)job->sent * job->interval <= now_ns()) {
        const myl_request_options options = {.size = sizeof options,
                                             .op = OP_COUNT,
                                             .tag = job->sent,
                                             .flags = MYL_REQUEST_ONE | MYL_REQUEST_AT_LEAST_ONCE};
        size_t place = job->place;
        struct text shard = next_shard(&job->text, &place);
        uint64_t request;
        int rc = myl_scheduler_request(scheduler, &options, shard.data, shard.length, &request, MYL_TRY);
        if (rc == MYL_EAGAIN)
            return;
        check(rc);
        job->place = place;
        job->sent++;
        job->in_flight++;
    }
}

/* Every worker answers when it is ready. The deadline of half a second is held by the notice of one that is busy. */
static void warm_all_up(void)
{
    const myl_request_options options = {.size = sizeof options, .op = OP_WARM_UP, .timeout_ns = WARM_UP_NS};
    myl_fabric_event events[MYL_WORKERS_MAX];
    uint64_t request;
    uint32_t count = 0;
    int64_t start = now_ns();
    check(myl_scheduler_request(scheduler, &options, NULL, 0, &request, MYL_FOREVER));
    check(myl_scheduler_collect(scheduler, request, 0, events, MYL_WORKERS_MAX, &count, MYL_FOREVER));
    for (uint32_t i = 0; i < count; i++)
        check(myl_scheduler_release(scheduler, &events[i]));
    fprintf(stderr, "words: %u workers are warm after %lld ms; the deadline was %lld ms\n", count,
            (long long)((now_ns() - start) / 1000000), (long long)(WARM_UP_NS / 1000000));
}

static int by_size(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void report_latency(struct job *job)
{
    static const double percent[] = {50, 90, 99, 99.9, 100};
    qsort(job->latency, job->shards, sizeof *job->latency, by_size);
    fprintf(stderr, "words: from due to reply, us:");
    for (size_t i = 0; i < sizeof percent / sizeof percent[0]; i++) {
        size_t rank = (size_t)(percent[i] / 100 * (double)job->shards);
        int64_t ns = job->latency[rank < job->shards ? rank : job->shards - 1];
        fprintf(stderr, "  %g %%: %lld", percent[i], (long long)(ns / 1000));
    }
    fprintf(stderr, "\n");
}

static void run(struct job *job)
{
    job->start = now_ns();
    while (job->done < job->shards) {
        myl_fabric_event event;
        send_shards(job);
        int64_t due = job->start + (int64_t)job->sent * job->interval - now_ns();
        int may_send = job->sent < job->shards && job->in_flight < IN_FLIGHT_MAX;
        int rc = myl_scheduler_next(scheduler, &event, may_send ? (due > 0 ? due : -1) : MYL_FOREVER);
        if (rc == MYL_OK)
            take_event(job, &event);
        else if (rc != MYL_ETIMEDOUT)
            check(rc);
    }
}

static int schedule(const myl_fabric_config *config, unsigned long shards, unsigned long rate, char **paths)
{
    const myl_scheduler_options options = {.size = sizeof options, .keep_bytes = 2 * IN_FLIGHT_MAX * SHARD_BYTES};
    struct job job = {.text = read_files(paths), .shards = shards, .workers = config->workers};
    job.interval = 1000000000 / (int64_t)rate;
    job.latency = calloc(shards, sizeof *job.latency);
    if (job.latency == NULL)
        fail("no memory is left for the latencies");
    check(myl_scheduler_open(&scheduler, config, &options));
    check(myl_scheduler_wait_workers(scheduler, 0, NULL, MYL_SEC(30)));
    warm_all_up();
    run(&job);
    myl_scheduler_close(scheduler);
    report_latency(&job);
    print_words(&job.table);
    free(job.latency);
    free(job.table.word);
    free(job.text.data);
    return 0;
}

/* --- command line ------------------------------------------------------------------------------------------------ */

static unsigned long number(const char *text, unsigned long least, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || value < least || value > most) {
        fprintf(stderr, "words: \"%s\" is no number from %lu to %lu\n", text, least, most);
        exit(2);
    }
    return value;
}

static int print_rings(const myl_fabric_config *config)
{
    char dispatch[MYL_FABRIC_NAME_MAX + 1], replies[MYL_FABRIC_NAME_MAX + 1];
    check(myl_fabric_names(config, dispatch, replies));
    printf("%s %s\n", dispatch, replies);
    return 0;
}

int main(int argc, char **argv)
{
    myl_fabric_config config = {.size = sizeof config};
    if (argc >= 4 && strcmp(argv[1], "count") == 0)
        return count_alone(number(argv[2], 1, 100000000), argv + 3);
    if (argc >= 3 && strlen(argv[2]) <= MYL_LABEL_MAX)
        strcpy(config.label, argv[2]);
    if (argc == 3 && strcmp(argv[1], "rings") == 0)
        return print_rings(&config);
    if (argc >= 7 && strcmp(argv[1], "schedule") == 0) {
        config.workers = (uint32_t)number(argv[3], 1, MYL_WORKERS_MAX);
        return schedule(&config, number(argv[4], 1, 100000000), number(argv[5], 1, 1000000), argv + 6);
    }
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "work") == 0) {
        config.rank = (uint32_t)number(argv[3], 0, MYL_WORKERS_MAX - 1);
        return be_worker(&config, argc == 5 ? MYL_MSEC(number(argv[4], 0, 60000)) : 0);
    }
    fprintf(stderr, "usage: words schedule LABEL WORKERS SHARDS RATE FILE... | work LABEL RANK [WARM_UP_MS] |\n"
                    "       count SHARDS FILE... | rings LABEL\n");
    return 2;
}
