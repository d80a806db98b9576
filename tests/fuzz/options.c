/* SPDX-License-Identifier: MIT
 * Fuzz target: names, ids, option structures and environment variables of every kind. Accepted values are those that
 * the headers allow. A refused call leaves nothing, and a created ring has the requested options. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/options.h"
#include "fuzz/hostile.h"

#define TEXT 512

/* --- texts ---------------------------------------------------------------------------------------------------- */

/* NULL, a short valid text, or arbitrary bytes. */
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
    if (length == 191 - 64) /* long ones, too */
        memset(text, 'n', (size_t)150 + fuzz_byte(input));
    return text;
}

static int name_is_valid(const char *name)
{
    return name != NULL && strlen(name) >= 1 && strlen(name) <= 200 && strchr(name, '/') == NULL && name[0] != '.';
}

/* Printable ASCII: no control character in any encoding. */
static int name_is_plain(const char *name)
{
    for (; name != NULL && *name != '\0'; name++) {
        if (*name < ' ' || *name > '~')
            return 0;
    }
    return 1;
}

static int id_is_valid(const char *id, size_t most)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return id != NULL && strlen(id) >= 1 && strlen(id) <= most && strspn(id, allowed) == strlen(id);
}

/* A path inside the directory, or one that is refused before it is opened. */
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

static int number_is_valid(const char *variable, int64_t least, int64_t most)
{
    const char *text = getenv(variable);
    if (text == NULL || text[0] == '\0')
        return 1;
    char *end;
    long long number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && number >= least && number <= most && number != INT64_MAX;
}

static int strategy_is_valid(const char *text)
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

static int wait_is_valid(const myl_wait_options *wait)
{
    const char *named = getenv("MYELON_WAIT");
    return (unsigned)wait->strategy <= MYL_WAIT_BLOCK && wait->spin_ns >= 0 && wait->spin_ns <= 1000000000 &&
           (wait->sleep_ns == 0 || (wait->sleep_ns >= 1000 && wait->sleep_ns <= 1000000000)) &&
           wait->yields <= 1000000 && (unsigned)wait->on_signal <= MYL_SIGNAL_INTERRUPT &&
           (wait->strategy != MYL_WAIT_DEFAULT || named == NULL || named[0] == '\0' || strategy_is_valid(named)) &&
           number_is_valid("MYELON_SPIN_NS", 1, 1000000000) && number_is_valid("MYELON_YIELDS", 0, 1000000) &&
           number_is_valid("MYELON_SLEEP_NS", 1000, 1000000000);
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
static void change_fields(struct fuzz_input *input, void *options, const struct field *fields, unsigned count)
{
    for (unsigned n = fuzz_choose(input, 5); n > 0; n--) {
        const struct field *field = &fields[fuzz_choose(input, count)];
        uint64_t value = 0;
        memcpy(&value, (char *)options + field->offset, field->bytes);
        value = hostile_value(input, value);
        memcpy((char *)options + field->offset, &value, field->bytes);
    }
}

/* A wait for ever without consumers is correct, but must not block the target. */
static int64_t bounded(int64_t timeout)
{
    return timeout < 0 || timeout > MYL_SEC(100) ? MYL_SEC(100) : timeout;
}

#define P(name) FIELD_OF(myl_producer_options, name)
static const struct field producer_fields[] = {
    P(config.event_size),
    P(config.event_align),
    P(config.capacity),
    P(config.packed_cell),
    P(config.max_consumers),
    P(config.type_id),
    P(config.spin_only),
    P(ring.backend),
    P(ring.existing),
    P(ring.use_fd),
    P(ring.fd),
    P(ring.mode),
    P(ring.set_group),
    P(ring.group),
    P(ring.any_owner),
    P(ring.memory.huge),
    P(ring.memory.lock),
    P(ring.memory.prefault),
    P(ring.memory.numa),
    P(ring.memory.numa_node),
    P(ring.pin),
    P(ring.cpu),
    P(ring.no_consumers),
    P(ring.buffer),
    P(ring.wait_consumers),
    P(ring.wait_timeout_ns),
    P(ring.wait.strategy),
    P(ring.wait.yields),
    P(ring.wait.spin_ns),
    P(ring.wait.sleep_ns),
    P(ring.wait.on_signal),
    P(ring.on_death),
    P(ring.counters),
    P(ring.liveness_ns),
    P(size),
};
#define C(name) FIELD_OF(myl_consumer_options, name)
static const struct field consumer_fields[] = {
    C(ring.start),
    C(event_size),
    C(event_align),
    C(type_id),
    C(ring.backend),
    C(ring.fd),
    C(ring.any_owner),
    C(ring.attach_timeout_ns),
    C(ring.memory.huge),
    C(ring.memory.lock),
    C(ring.memory.prefault),
    C(ring.memory.numa),
    C(ring.pin),
    C(ring.cpu),
    C(ring.wait.strategy),
    C(ring.wait.yields),
    C(ring.wait.spin_ns),
    C(ring.wait.sleep_ns),
    C(ring.wait.on_signal),
    C(ring.on_death),
    C(ring.counters),
    C(ring.liveness_ns),
    C(size),
};
#define COUNT_OF(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

/* The options of one input. */
struct request {
    char name_text[TEXT], label[TEXT], prefix[TEXT], id_text[2][TEXT], path[FUZZ_PATH];
    const char *name;
    const char *ids[2];
    myl_producer_options producer;
    unsigned char after_producer[MYL_OPTIONS_MOST]; /* a size may reach so far */
    myl_consumer_options consumer;
    unsigned char after_consumer[MYL_OPTIONS_MOST];
};

static void read_request(struct fuzz_input *input, struct request *request)
{
    myl_producer_options *p = &request->producer;
    myl_consumer_options *c = &request->consumer;
    *p = (myl_producer_options){.size = sizeof *p, .config = {.event_size = 16, .capacity = 8}};
    *c = (myl_consumer_options){.size = sizeof *c};
    memset(request->after_producer, 0, sizeof request->after_producer);
    memset(request->after_consumer, 0, sizeof request->after_consumer);
    if (fuzz_choose(input, 16) == 0)
        request->after_producer[fuzz_byte(input)] = request->after_consumer[fuzz_byte(input)] = 1;
    if (fuzz_choose(input, 4) == 0)
        *p = (myl_producer_options){.size = sizeof *p, .config = {.event_size = 16, .packed_cell = 128}};
    request->name = take_text(input, request->name_text);
    p->config.label = take_text(input, request->label);
    change_fields(input, p, producer_fields, COUNT_OF(producer_fields));
    c->ring.id = take_text(input, request->id_text[0]);
    c->ring.prefix = take_text(input, request->prefix);
    c->ring.backend = p->ring.backend;
    change_fields(input, c, consumer_fields, COUNT_OF(consumer_fields));
    c->ring.attach_timeout_ns = bounded(c->ring.attach_timeout_ns);
    p->ring.wait_timeout_ns = bounded(p->ring.wait_timeout_ns);
    p->ring.wait_prefix = c->ring.prefix;
    if (fuzz_choose(input, 4) == 0 && p->ring.wait_consumers > 0) {
        request->ids[0] = request->ids[1] = c->ring.id != NULL ? c->ring.id : "x";
        p->ring.wait_ids = request->ids;
        p->ring.wait_consumers = 1 + p->ring.wait_consumers % 2;
    }
    if (p->ring.backend == MYL_BACKEND_FILE)
        request->name = take_path(request->name, request->path);
}

static int one_bit(uint64_t value)
{
    return __builtin_popcountll(value) == 1;
}

static int shape_is_valid(const myl_producer_options *p)
{
    uint32_t align = p->config.event_align == 0 ? 8 : p->config.event_align, offset = align > 8 ? align : 8;
    if (!one_bit(align) || align > 4096 || p->config.event_size == 0 || p->config.event_size > 1U << 20 ||
        p->config.capacity > (uint64_t)1 << 32)
        return 0;
    if (p->config.packed_cell <= MYL_PACKED_CELL_NONE)
        return p->config.capacity == 0 || (p->config.capacity >= 2 && one_bit(p->config.capacity));
    return p->config.packed_cell % 64 == 0 && p->config.packed_cell <= 4096 && p->config.packed_cell % align == 0 &&
           p->config.event_size % align == 0 && p->config.packed_cell > offset &&
           (p->config.packed_cell - offset) / p->config.event_size >= 2;
}

/* An existing ring may have more entries than a new one would. */
static uint32_t room_for(const myl_producer_options *p)
{
    return p->config.max_consumers != 0                             ? p->config.max_consumers
           : p->ring.backend == MYL_BACKEND_MEMFD && p->ring.use_fd ? 1024
                                                                    : 64;
}

static int memory_is_valid(const myl_memory_options *m)
{
    return (unsigned)m->huge <= MYL_REQUEST_REQUIRE && (unsigned)m->lock <= MYL_REQUEST_REQUIRE &&
           (unsigned)m->prefault <= MYL_REQUEST_REQUIRE && (unsigned)m->numa <= MYL_REQUEST_REQUIRE &&
           (m->numa_node == 0 || m->numa != MYL_REQUEST_OFF);
}

/* The structure is complete, and each byte that this version does not know is 0. */
static int size_is_valid(size_t size, size_t known, const unsigned char *after)
{
    if (size < known || size > MYL_OPTIONS_MOST)
        return 0;
    for (size_t i = known; i < size; i++) {
        if (after[i - known] != 0)
            return 0;
    }
    return 1;
}

/* A member that has no effect without another one is 0. */
static int members_agree(const myl_ring_options *o)
{
    return (o->buffer == 0 || o->no_consumers == MYL_NO_CONSUMERS_BUFFER) &&
           (o->wait_consumers != 0 || (o->wait_prefix == NULL && o->wait_ids == NULL)) &&
           (o->wait_prefix == NULL || o->wait_ids == NULL) && (!o->use_fd || o->existing == MYL_EXISTING_RESUME) &&
           (o->use_fd ? o->backend == MYL_BACKEND_MEMFD : o->fd == 0) && (o->set_group || o->group == 0) &&
           o->group >= 0 && o->group < UINT32_MAX && (o->pin || o->cpu == 0) && o->cpu >= 0;
}

/* Returns 1 if, according to the headers, these options can make a ring on a machine with enough room. The buffer's
 * limit is the capacity, which may be rounded: only its lower end is checked. */
static int producer_is_valid(const struct request *request)
{
    const myl_producer_options *p = &request->producer;
    int empty = request->name == NULL || request->name[0] == '\0';
    int named = p->ring.backend == MYL_BACKEND_SHM ? name_is_valid(request->name)
                                                   : (p->ring.backend == MYL_BACKEND_MEMFD) == empty;
    return size_is_valid(p->size, sizeof *p, request->after_producer) && named &&
           (unsigned)p->ring.backend <= MYL_BACKEND_MEMFD && shape_is_valid(p) && p->config.max_consumers <= 1024 &&
           p->ring.wait_consumers <= room_for(p) && (p->config.label == NULL || strlen(p->config.label) <= 31) &&
           (unsigned)p->ring.existing <= MYL_EXISTING_SUPERSEDE && p->ring.mode <= 0777 &&
           (unsigned)p->ring.no_consumers <= MYL_NO_CONSUMERS_BUFFER &&
           (unsigned)p->config.spin_only <= MYL_SPIN_ONLY_OFF &&
           (p->ring.no_consumers != MYL_NO_CONSUMERS_BUFFER || p->ring.buffer >= 1) &&
           (p->ring.liveness_ns == 0 || p->ring.liveness_ns >= 100000) && memory_is_valid(&p->ring.memory) &&
           wait_is_valid(&p->ring.wait) && (unsigned)p->ring.counters <= MYL_COUNTERS_FULL && members_agree(&p->ring);
}

static int consumer_is_valid(const struct request *request)
{
    const myl_consumer_options *c = &request->consumer;
    return size_is_valid(c->size, sizeof *c, request->after_consumer) &&
           (c->ring.id == NULL || c->ring.prefix == NULL) && (c->ring.id == NULL || id_is_valid(c->ring.id, 31)) &&
           (c->ring.prefix == NULL || id_is_valid(c->ring.prefix, 26)) && (unsigned)c->ring.start <= MYL_START_NOW &&
           (unsigned)c->ring.backend <= MYL_BACKEND_MEMFD &&
           (c->ring.backend == MYL_BACKEND_MEMFD || c->ring.fd == 0) &&
           (c->ring.liveness_ns == 0 || c->ring.liveness_ns >= 100000) && memory_is_valid(&c->ring.memory) &&
           wait_is_valid(&c->ring.wait) && (unsigned)c->ring.counters <= MYL_COUNTERS_FULL &&
           (c->ring.pin || c->ring.cpu == 0) && c->ring.cpu >= 0;
}

/* --- the calls ------------------------------------------------------------------------------------------------ */

#define MACHINE_CODES                                                                                                  \
    MYL_ENOSPACE, MYL_ENOMEM, MYL_ELIMIT, MYL_EUNSUPPORTED, MYL_ESYSTEM, MYL_EPERMISSION, MYL_EFILESYSTEM
#define USAGE_CODES                                                                                                    \
    MYL_EINVAL, MYL_EOPTIONS, MYL_ENAME, MYL_EID, MYL_ECAPACITY, MYL_EEVENTSIZE, MYL_EALIGN, MYL_ETYPE, MYL_ENOTFOUND, \
        MYL_ENOTRING, MYL_EOWNER

static void check_ring(const struct request *request, const myl_info *info)
{
    const myl_producer_options *p = &request->producer;
    fuzz_check(info->event_size == p->config.event_size, "events of %" PRIu32 " bytes, expected %" PRIu32,
               info->event_size, p->config.event_size);
    fuzz_check(p->config.capacity <= info->capacity &&
                   (p->config.capacity == 0 || p->config.packed_cell != 0 || p->config.capacity == info->capacity),
               "%" PRIu64 " events, expected %" PRIu64, info->capacity, p->config.capacity);
    fuzz_check(info->event_align == (p->config.event_align == 0 ? 8 : p->config.event_align) &&
                   info->type_id == p->config.type_id &&
                   info->max_consumers == (p->config.max_consumers == 0 ? 64 : p->config.max_consumers) &&
                   info->parkable == (p->config.spin_only != MYL_SPIN_ONLY_ON) && info->backend == p->ring.backend,
               "the ring does not have the requested options");
    fuzz_check(strcmp(info->label, p->config.label == NULL ? "" : p->config.label) == 0, "label \"%s\"", info->label);
}

static myl_producer *open_producer(struct request *request)
{
    myl_producer *producer = (myl_producer *)(void *)&producer;
    const myl_producer_options *p = &request->producer;
    hostile_call(NULL, NULL);
    int rc = myl_producer_open(&producer, request->name, p);
    fuzz_result("myl_producer_open", rc, MYL_ESTARTUP, MACHINE_CODES, USAGE_CODES);
    int valid = producer_is_valid(request);
    int from_elsewhere = p->ring.backend == MYL_BACKEND_MEMFD && p->ring.use_fd;
    fuzz_check(rc != MYL_OK || valid, "myl_producer_open accepts invalid options");
    /* The headers do not cover the machine's resources, other participants, and unusual paths. */
    if (rc != MYL_OK && valid && !from_elsewhere && p->ring.wait_consumers == 0 && p->ring.backend != MYL_BACKEND_FILE)
        fuzz_check(myl_errclass(rc) == MYL_CLASS_RESOURCE || rc == MYL_ECAPACITY || rc == MYL_EINVAL ||
                       (rc == MYL_ENAME && !name_is_plain(request->name)),
                   "myl_producer_open refuses valid options: %s", myl_errname(rc));
    fuzz_check((rc == MYL_OK) == (producer != NULL), "myl_producer_open: %s, handle %p", myl_errname(rc),
               (void *)producer);
    int entries = fuzz_directory_entries();
    fuzz_check(entries == (rc == MYL_OK && p->ring.backend != MYL_BACKEND_MEMFD), "%d entries after %s", entries,
               myl_errname(rc));
    if (rc == MYL_OK) {
        myl_info info = {.size = sizeof info};
        rc = myl_producer_info(producer, &info);
        fuzz_check(rc == MYL_OK, "myl_producer_info returned %s", myl_errname(rc));
        check_ring(request, &info);
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
    int valid = consumer_is_valid(request);
    fuzz_result("myl_consumer_open", rc, MACHINE_CODES, USAGE_CODES);
    fuzz_check(rc != MYL_OK || valid, "myl_consumer_open accepts invalid options");
    fuzz_check((rc == MYL_OK) == (consumer != NULL), "myl_consumer_open: %s, handle %p", myl_errname(rc),
               (void *)consumer);
    int expects = c->event_size != 0 || c->event_align != 0 || c->type_id != 0;
    if (rc != MYL_OK && valid && producer != NULL && !expects && c->ring.backend == request->producer.ring.backend &&
        c->ring.backend != MYL_BACKEND_MEMFD)
        fuzz_check(myl_errclass(rc) == MYL_CLASS_RESOURCE || rc == MYL_EINVAL,
                   "myl_consumer_open refuses valid options: %s", myl_errname(rc));
    myl_joined joined = {.size = sizeof joined};
    if (consumer != NULL && myl_consumer_joined(consumer, &joined) == MYL_OK)
        fuzz_check(c->ring.id == NULL || strcmp(c->ring.id, joined.id) == 0, "joined as \"%s\"", joined.id);
    hostile_call(NULL, NULL);
    rc = myl_observer_open(&observer, request->name, c);
    fuzz_result("myl_observer_open", rc, MACHINE_CODES, USAGE_CODES);
    fuzz_check(rc != MYL_OK || (valid && c->ring.id == NULL && c->ring.prefix == NULL && c->ring.role == NULL),
               "myl_observer_open accepts invalid options");
    myl_observer_close(observer);
    myl_consumer_close(consumer);
}

static void query_ring(const struct request *request)
{
    const char *id = request->consumer.ring.id, *name = request->name;
    enum myl_backend backend = request->producer.ring.backend;
    myl_snapshot *snapshot = NULL;
    int rc = myl_check_name(name);
    fuzz_check((rc == MYL_OK) == name_is_valid(name) && (rc == MYL_OK || rc == MYL_ENAME), "myl_check_name returned %s",
               myl_errname(rc));
    hostile_call(NULL, NULL);
    rc = myl_snapshot_take(name, backend, &snapshot);
    fuzz_result("myl_snapshot_take", rc, MACHINE_CODES, USAGE_CODES);
    fuzz_check((rc == MYL_OK) == (snapshot != NULL), "myl_snapshot_take: %s, %p", myl_errname(rc), (void *)snapshot);
    myl_snapshot_free(snapshot);
    rc = myl_evict(name, backend, id);
    fuzz_result("myl_evict", rc, MYL_EINUSE, MACHINE_CODES, USAGE_CODES);
    fuzz_check(rc == MYL_EID || id_is_valid(id, 31), "myl_evict accepts the id");
    rc = myl_remove(name, backend, 0);
    fuzz_result("myl_remove", rc, MYL_EINUSE, MACHINE_CODES, USAGE_CODES);
}

static void query_texts(struct fuzz_input *input)
{
    char text[TEXT];
    enum myl_wait_strategy strategy = MYL_WAIT_BLOCK;
    int code = (int)hostile_value(input, 0);
    fuzz_check(myl_strerror(code)[0] != '\0' && myl_errname(code)[0] != '\0', "no text for %d", code);
    (void)myl_errclass(code);
    fuzz_check(myl_wait_strategy_name((enum myl_wait_strategy)code) != NULL, "no name for strategy %d", code);
    const char *name = take_text(input, text);
    int rc = myl_wait_strategy_parse(name, &strategy);
    fuzz_result("myl_wait_strategy_parse", rc, MYL_EINVAL);
    fuzz_check((rc == MYL_OK) == (name != NULL && strategy_is_valid(name)), "strategy \"%s\": %s",
               name == NULL ? "" : name, myl_errname(rc));
    fuzz_check(rc != MYL_OK || strcmp(myl_wait_strategy_name(strategy), name) == 0, "strategy \"%s\" has another name",
               name);
}

/* Corrects the checksum at the end of a ticket of more than 17 bytes, so that the fields before it are read. */
static void correct_checksum(char *text, size_t bytes)
{
    char digits[17];
    (void)snprintf(digits, sizeof digits, "%016" PRIx64, myl_fnv1a(text, bytes - 17));
    memcpy(text + bytes - 16, digits, 16);
}

static void check_ticket(const myl_ticket *ticket, int rc)
{
    fuzz_result("myl_ticket_parse", rc, MYL_ETICKET);
    if (rc != MYL_OK)
        return;
    fuzz_check((unsigned)ticket->backend <= MYL_BACKEND_MEMFD && strnlen(ticket->name, sizeof ticket->name) <= 4095,
               "a ticket of backend %d", (int)ticket->backend);
    fuzz_check(ticket->backend == MYL_BACKEND_SHM    ? name_is_valid(ticket->name)
               : ticket->backend == MYL_BACKEND_FILE ? ticket->name[0] == '/'
                                                     : ticket->name[0] == '\0',
               "a ticket of \"%s\", backend %d", ticket->name, (int)ticket->backend);
}

/* Parses the ring's own ticket, or arbitrary bytes; then changes a part of it. */
static void read_tickets(struct fuzz_input *input, const myl_producer *producer)
{
    char whole[MYL_TICKET_MAX], name[TEXT];
    myl_ticket ticket = {.size = sizeof ticket};
    const char *some = take_text(input, name);
    (void)snprintf(whole, sizeof whole, "myelon-ticket-1:shm:0123456789abcdef0123456789abcdef:%s:0123456789abcdef",
                   some != NULL ? some : "");
    int own = producer != NULL && fuzz_choose(input, 2) == 0;
    if (own) {
        int rc = myl_producer_ticket(producer, whole, sizeof whole);
        fuzz_result("myl_producer_ticket", rc, MYL_ENAME);
        own = rc == MYL_OK;
        fuzz_check(!own || myl_ticket_parse(whole, &ticket) == MYL_OK, "the ring's ticket is refused: %s",
                   myl_error_detail());
    }
    size_t bytes = strlen(whole) - fuzz_choose(input, 3) % 2;
    char *text = malloc(bytes + 1); /* a block of its own, so that a sanitizer detects a byte too many */
    memcpy(text, whole, bytes);
    text[bytes] = '\0';
    for (unsigned n = fuzz_choose(input, 5); n > 0; n--) {
        char *at = text + fuzz_byte(input) % bytes;
        *at = (char)fuzz_byte(input);
    }
    int changed = strcmp(text, whole) != 0,
        corrected = fuzz_choose(input, 2) == 0 && strlen(text) == bytes && bytes > 17;
    if (corrected)
        correct_checksum(text, bytes);
    int rc = myl_ticket_parse(text, &ticket);
    check_ticket(&ticket, rc);
    fuzz_check(rc != MYL_OK || !changed || corrected, "a changed ticket is accepted: %s", text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct request request;
    memset(&request, 0, sizeof request);
    fuzz_begin();
    hostile_refuse(fuzz_choose(&input, 4) == 1);
    set_environment(&input);
    read_request(&input, &request);
    myl_producer *producer = open_producer(&request);
    open_readers(&request, producer);
    query_ring(&request);
    query_texts(&input);
    read_tickets(&input, producer);
    myl_producer_close(producer);
    fuzz_end();
    return 0;
}
