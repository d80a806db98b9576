/* SPDX-License-Identifier: MIT
 * Fuzz target: names, ids, option structures and environment variables of every kind. What is accepted is what the
 * headers say is, what is refused leaves nothing behind, and a ring that is made is the one that was asked for. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/hostile.h"

#define TEXT 512

/* --- texts ---------------------------------------------------------------------------------------------------- */

/* NULL, short and plain, or any bytes. */
static const char *take_text(struct fuzz_input *input, char text[TEXT])
{
    static const char *const plain[] = {"ring", "a", "worker", "1000", "block", "spin-yield", "-1", "2000000"};
    uint8_t length = fuzz_byte(input);
    memset(text, 0, TEXT);
    if (length == 0)
        return NULL;
    if (length < 64) {
        (void)snprintf(text, TEXT, "%s", plain[length % (sizeof plain / sizeof plain[0])]);
        return text;
    }
    length -= 64;
    for (unsigned i = 0; i < length; i++)
        text[i] = (char)fuzz_byte(input);
    if (length == 191 - 64) /* long ones too */
        memset(text, 'n', (size_t)150 + fuzz_byte(input));
    return text;
}

static int name_is_good(const char *name)
{
    return name != NULL && strlen(name) >= 1 && strlen(name) <= 200 && strchr(name, '/') == NULL && name[0] != '.';
}

static int id_is_good(const char *id, size_t most)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return id != NULL && strlen(id) >= 1 && strlen(id) <= most && strspn(id, allowed) == strlen(id);
}

/* A path inside the directory, or one that is refused before anybody looks for it. */
static const char *take_path(const char *text, char path[FUZZ_PATH])
{
    char safe[TEXT];
    if (text == NULL || text[0] == '\0')
        return text;
    (void)snprintf(safe, sizeof safe, "%s", text);
    for (char *at = safe; (at = strstr(at, "..")) != NULL;)
        *at = '_';
    fuzz_path(path, "");
    (void)snprintf(path + strlen(path), FUZZ_PATH - strlen(path), "%.200s", safe);
    return path;
}

/* --- the environment ------------------------------------------------------------------------------------------ */

static int number_is_good(const char *variable, int64_t least, int64_t most)
{
    const char *text = getenv(variable);
    if (text == NULL || text[0] == '\0')
        return 1;
    char *end;
    long long number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && number >= least && number <= most && number != INT64_MAX;
}

static int strategy_is_good(const char *text)
{
    static const char *const names[] = {"default",    "adaptive", "busy-spin", "spin-hint",
                                        "spin-yield", "sleep",    "block"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) == 0)
            return 1;
    }
    return 0;
}

static void set_environment(struct fuzz_input *input)
{
    static const char *const variables[] = {"MYELON_WAIT", "MYELON_SPIN_NS", "MYELON_YIELDS", "MYELON_SLEEP_NS"};
    uint8_t which = fuzz_byte(input);
    char text[TEXT];
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        if ((which >> (2 * i) & 3) != 0)
            continue;
        const char *value = take_text(input, text);
        if (value != NULL)
            (void)setenv(variables[i], value, 1);
    }
}

static int wait_is_good(const myl_wait_options *wait)
{
    const char *named = getenv("MYELON_WAIT");
    return (unsigned)wait->strategy <= MYL_WAIT_BLOCK && wait->spin_ns >= 0 && wait->spin_ns <= 1000000000 &&
           (wait->sleep_ns == 0 || (wait->sleep_ns >= 1000 && wait->sleep_ns <= 1000000000)) &&
           wait->yields <= 1000000 &&
           (wait->strategy != MYL_WAIT_DEFAULT || named == NULL || named[0] == '\0' || strategy_is_good(named)) &&
           number_is_good("MYELON_SPIN_NS", 1, 1000000000) && number_is_good("MYELON_YIELDS", 0, 1000000) &&
           number_is_good("MYELON_SLEEP_NS", 1000, 1000000000);
}

/* --- options -------------------------------------------------------------------------------------------------- */

struct field {
    uint16_t offset, bytes;
};
#define FIELD_OF(type, name) \
    { \
        (uint16_t) offsetof(type, name), (uint16_t)sizeof(((type *)0)->name) \
    }

/* Changes some fields of a structure. */
static void spoil(struct fuzz_input *input, void *options, const struct field *fields, unsigned count)
{
    for (unsigned n = fuzz_choose(input, 5); n > 0; n--) {
        const struct field *field = &fields[fuzz_choose(input, count)];
        uint64_t value = 0;
        memcpy(&value, (char *)options + field->offset, field->bytes);
        value = hostile_value(input, value);
        memcpy((char *)options + field->offset, &value, field->bytes);
    }
}

/* Waiting for ever for nobody is right, and not what is to be tested here. */
static int64_t bounded(int64_t timeout)
{
    return timeout < 0 || timeout > MYL_SEC(100) ? MYL_SEC(100) : timeout;
}

#define P(name) FIELD_OF(myl_producer_options, name)
static const struct field producer_fields[] = {
    P(event_size),
    P(event_align),
    P(capacity),
    P(packed_cell),
    P(max_consumers),
    P(type_id),
    P(spin_only),
    P(backend),
    P(existing),
    P(fd),
    P(mode),
    P(group),
    P(any_owner),
    P(memory.huge),
    P(memory.lock),
    P(memory.prefault),
    P(memory.numa),
    P(memory.numa_node),
    P(cpu),
    P(alone),
    P(buffer),
    P(wait_consumers),
    P(wait_timeout_ns),
    P(wait.strategy),
    P(wait.yields),
    P(wait.spin_ns),
    P(wait.sleep_ns),
    P(on_death),
    P(liveness_ns),
    P(size),
};
#define C(name) FIELD_OF(myl_consumer_options, name)
static const struct field consumer_fields[] = {
    C(start),
    C(event_size),
    C(event_align),
    C(type_id),
    C(backend),
    C(fd),
    C(any_owner),
    C(attach_timeout_ns),
    C(memory.huge),
    C(memory.lock),
    C(memory.prefault),
    C(memory.numa),
    C(cpu),
    C(wait.strategy),
    C(wait.yields),
    C(wait.spin_ns),
    C(wait.sleep_ns),
    C(on_death),
    C(liveness_ns),
    C(size),
};
#define COUNT_OF(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

/* What one input asks for. */
struct request {
    char name_text[TEXT], label[TEXT], prefix[TEXT], id_text[2][TEXT], path[FUZZ_PATH];
    const char *name;
    const char *ids[2];
    myl_producer_options producer;
    myl_consumer_options consumer;
};

static void take_request(struct fuzz_input *input, struct request *request)
{
    myl_producer_options *p = &request->producer;
    myl_consumer_options *c = &request->consumer;
    *p = (myl_producer_options){.size = sizeof *p, .event_size = 16, .capacity = 8};
    *c = (myl_consumer_options){.size = sizeof *c};
    if (fuzz_choose(input, 4) == 0)
        *p = (myl_producer_options){.size = sizeof *p, .event_size = 16, .packed_cell = 128};
    request->name = take_text(input, request->name_text);
    p->label = take_text(input, request->label);
    spoil(input, p, producer_fields, COUNT_OF(producer_fields));
    c->id = take_text(input, request->id_text[0]);
    c->prefix = take_text(input, request->prefix);
    c->backend = p->backend;
    spoil(input, c, consumer_fields, COUNT_OF(consumer_fields));
    c->attach_timeout_ns = bounded(c->attach_timeout_ns);
    p->wait_timeout_ns = bounded(p->wait_timeout_ns);
    p->wait_prefix = c->prefix;
    if (fuzz_choose(input, 4) == 0 && p->wait_consumers > 0) {
        request->ids[0] = request->ids[1] = c->id != NULL ? c->id : "x";
        p->wait_ids = request->ids;
        p->wait_consumers = 1 + p->wait_consumers % 2;
    }
    if (p->backend == MYL_BACKEND_FILE)
        request->name = take_path(request->name, request->path);
}

static int one_bit(uint64_t value)
{
    return __builtin_popcountll(value) == 1;
}

static int shape_is_good(const myl_producer_options *p)
{
    uint32_t align = p->event_align == 0 ? 8 : p->event_align, offset = align > 8 ? align : 8;
    if (!one_bit(align) || align > 4096 || p->event_size == 0 || p->event_size > 1U << 20 ||
        p->capacity > (uint64_t)1 << 32)
        return 0;
    if (p->packed_cell == 0)
        return p->capacity == 0 || (p->capacity >= 2 && one_bit(p->capacity));
    return p->packed_cell % 64 == 0 && p->packed_cell <= 4096 && p->packed_cell % align == 0 &&
           p->event_size % align == 0 && p->packed_cell > offset && (p->packed_cell - offset) / p->event_size >= 2;
}

/* A ring that exists may have room for more than one that is made. */
static uint32_t room_for(const myl_producer_options *p)
{
    return p->max_consumers != 0 ? p->max_consumers : p->backend == MYL_BACKEND_MEMFD && p->fd != 0 ? 1024 : 64;
}

static int memory_is_good(const myl_memory_options *m)
{
    return (unsigned)m->huge <= MYL_REQUIRE && (unsigned)m->lock <= MYL_REQUIRE &&
           (unsigned)m->prefault <= MYL_REQUIRE && (unsigned)m->numa <= MYL_REQUIRE;
}

/* By the headers: could this make a ring, if the machine has room? The buffer's limit is the capacity, which may be
 * rounded: only its lower end is looked at. */
static int producer_is_good(const struct request *request)
{
    const myl_producer_options *p = &request->producer;
    int named = p->backend == MYL_BACKEND_SHM
                    ? name_is_good(request->name)
                    : p->backend == MYL_BACKEND_MEMFD || (request->name != NULL && request->name[0] != '\0');
    return p->size == sizeof *p && named && (unsigned)p->backend <= MYL_BACKEND_MEMFD && shape_is_good(p) &&
           p->max_consumers <= 1024 && p->wait_consumers <= room_for(p) &&
           (p->label == NULL || strlen(p->label) <= 31) && (unsigned)p->existing <= MYL_EXISTING_SUPERSEDE &&
           p->mode <= 0777 && (unsigned)p->alone <= MYL_ALONE_BUFFER &&
           (p->alone != MYL_ALONE_BUFFER || p->buffer >= 1) && (p->liveness_ns == 0 || p->liveness_ns >= 100000) &&
           memory_is_good(&p->memory) && wait_is_good(&p->wait);
}

static int consumer_is_good(const myl_consumer_options *c)
{
    return c->size == sizeof *c && (c->id == NULL || c->prefix == NULL) && (c->id == NULL || id_is_good(c->id, 31)) &&
           (c->prefix == NULL || id_is_good(c->prefix, 26)) && (unsigned)c->start <= MYL_START_NOW &&
           (unsigned)c->backend <= MYL_BACKEND_MEMFD && (c->liveness_ns == 0 || c->liveness_ns >= 100000) &&
           memory_is_good(&c->memory) && wait_is_good(&c->wait);
}

/* --- the calls ------------------------------------------------------------------------------------------------ */

#define MACHINE_CODES                                                                                                  \
    MYL_ENOSPACE, MYL_ENOMEM, MYL_ELIMIT, MYL_EUNSUPPORTED, MYL_ESYSTEM, MYL_EPERMISSION, MYL_EFILESYSTEM
#define USAGE_CODES                                                                                                    \
    MYL_EINVAL, MYL_EOPTIONS, MYL_ENAME, MYL_EID, MYL_ECAPACITY, MYL_EEVENTSIZE, MYL_EALIGN, MYL_ETYPE, MYL_ENOTFOUND, \
        MYL_ENOTRING, MYL_EOWNER

static void judge_ring(const struct request *request, const myl_info *info)
{
    const myl_producer_options *p = &request->producer;
    fuzz_check(info->event_size == p->event_size, "events of %" PRIu32 " bytes, not %" PRIu32, info->event_size,
               p->event_size);
    fuzz_check(p->capacity <= info->capacity &&
                   (p->capacity == 0 || p->packed_cell != 0 || p->capacity == info->capacity),
               "%" PRIu64 " events, not %" PRIu64, info->capacity, p->capacity);
    fuzz_check(info->event_align == (p->event_align == 0 ? 8 : p->event_align) && info->type_id == p->type_id &&
                   info->max_consumers == (p->max_consumers == 0 ? 64 : p->max_consumers) &&
                   info->parkable == (p->spin_only == 0) && info->backend == p->backend,
               "not the ring that was asked for");
    fuzz_check(strcmp(info->label, p->label == NULL ? "" : p->label) == 0, "label \"%s\"", info->label);
}

static myl_producer *open_producer(struct request *request)
{
    myl_producer *producer = (myl_producer *)(void *)&producer;
    const myl_producer_options *p = &request->producer;
    hostile_call(NULL, NULL);
    int rc = myl_producer_open(&producer, request->name, p);
    fuzz_answer("myl_producer_open", rc, MYL_ESTARTUP, MACHINE_CODES, USAGE_CODES);
    int good = producer_is_good(request);
    int from_elsewhere = p->backend == MYL_BACKEND_MEMFD && p->fd != 0;
    fuzz_check(rc != MYL_OK || good, "myl_producer_open took what it should not take");
    /* What the machine has, who waits for whom, and odd paths are not in the headers. */
    if (rc != MYL_OK && good && !from_elsewhere && p->wait_consumers == 0 && p->backend != MYL_BACKEND_FILE)
        fuzz_check(myl_errclass(rc) == MYL_CLASS_RESOURCE || rc == MYL_ECAPACITY || rc == MYL_EINVAL,
                   "myl_producer_open refuses good options: %s", myl_errname(rc));
    fuzz_check((rc == MYL_OK) == (producer != NULL), "myl_producer_open: %s, handle %p", myl_errname(rc),
               (void *)producer);
    int entries = fuzz_directory_entries();
    fuzz_check(entries == (rc == MYL_OK && p->backend != MYL_BACKEND_MEMFD), "%d entries behind %s", entries,
               myl_errname(rc));
    if (rc == MYL_OK) {
        myl_info info = {.size = sizeof info};
        rc = myl_producer_info(producer, &info);
        fuzz_check(rc == MYL_OK, "myl_producer_info answered %s", myl_errname(rc));
        judge_ring(request, &info);
    }
    return producer;
}

static void open_readers(struct request *request, myl_producer *producer)
{
    myl_consumer_options *c = &request->consumer;
    myl_consumer *consumer = (myl_consumer *)(void *)&consumer;
    myl_observer *observer = (myl_observer *)(void *)&observer;
    hostile_call(NULL, NULL);
    int rc = myl_consumer_open(&consumer, request->name, c);
    int good = consumer_is_good(c);
    fuzz_answer("myl_consumer_open", rc, MACHINE_CODES, USAGE_CODES);
    fuzz_check(rc != MYL_OK || good, "myl_consumer_open took what it should not take");
    fuzz_check((rc == MYL_OK) == (consumer != NULL), "myl_consumer_open: %s, handle %p", myl_errname(rc),
               (void *)consumer);
    int expects = c->event_size != 0 || c->event_align != 0 || c->type_id != 0;
    if (rc != MYL_OK && good && producer != NULL && !expects && c->backend == request->producer.backend &&
        c->backend != MYL_BACKEND_MEMFD)
        fuzz_check(myl_errclass(rc) == MYL_CLASS_RESOURCE || rc == MYL_EINVAL,
                   "myl_consumer_open refuses good options: %s", myl_errname(rc));
    myl_joined joined;
    if (consumer != NULL && myl_consumer_joined(consumer, &joined) == MYL_OK)
        fuzz_check(c->id == NULL || strcmp(c->id, joined.id) == 0, "joined as \"%s\"", joined.id);
    hostile_call(NULL, NULL);
    rc = myl_observer_open(&observer, request->name, c);
    fuzz_answer("myl_observer_open", rc, MACHINE_CODES, USAGE_CODES);
    fuzz_check(rc != MYL_OK || good, "myl_observer_open took what it should not take");
    myl_observer_close(observer);
    myl_consumer_close(consumer);
}

static void ask_about(const struct request *request)
{
    const char *id = request->consumer.id, *name = request->name;
    enum myl_backend backend = request->producer.backend;
    myl_snapshot *snapshot = NULL;
    int rc = myl_check_name(name);
    fuzz_check((rc == MYL_OK) == name_is_good(name) && (rc == MYL_OK || rc == MYL_ENAME), "myl_check_name answered %s",
               myl_errname(rc));
    hostile_call(NULL, NULL);
    rc = myl_snapshot_take(name, backend, &snapshot);
    fuzz_answer("myl_snapshot_take", rc, MACHINE_CODES, USAGE_CODES);
    fuzz_check((rc == MYL_OK) == (snapshot != NULL), "myl_snapshot_take: %s, %p", myl_errname(rc), (void *)snapshot);
    myl_snapshot_free(snapshot);
    rc = myl_evict(name, backend, id);
    fuzz_answer("myl_evict", rc, MYL_EINUSE, MACHINE_CODES, USAGE_CODES);
    fuzz_check(rc == MYL_EID || id_is_good(id, 31), "myl_evict takes the id");
    rc = myl_remove(name, backend, 0);
    fuzz_answer("myl_remove", rc, MYL_EINUSE, MACHINE_CODES, USAGE_CODES);
}

static void ask_for_texts(struct fuzz_input *input)
{
    char text[TEXT];
    enum myl_wait_strategy strategy = MYL_WAIT_BLOCK;
    int code = (int)hostile_value(input, 0);
    fuzz_check(myl_strerror(code)[0] != '\0' && myl_errname(code)[0] != '\0', "no text for %d", code);
    (void)myl_errclass(code);
    fuzz_check(myl_wait_strategy_name((enum myl_wait_strategy)code) != NULL, "no name for strategy %d", code);
    const char *name = take_text(input, text);
    int rc = myl_wait_strategy_parse(name, &strategy);
    fuzz_answer("myl_wait_strategy_parse", rc, MYL_EINVAL);
    fuzz_check((rc == MYL_OK) == (name != NULL && strategy_is_good(name)), "strategy \"%s\": %s",
               name == NULL ? "" : name, myl_errname(rc));
    fuzz_check(rc != MYL_OK || strcmp(myl_wait_strategy_name(strategy), name) == 0, "strategy \"%s\" is another", name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct request request;
    memset(&request, 0, sizeof request);
    fuzz_begin();
    hostile_refuse(fuzz_choose(&input, 4) == 1);
    set_environment(&input);
    take_request(&input, &request);
    myl_producer *producer = open_producer(&request);
    open_readers(&request, producer);
    ask_about(&request);
    ask_for_texts(&input);
    myl_producer_close(producer);
    fuzz_end();
    return 0;
}
