/* SPDX-License-Identifier: MIT
 * Prints snapshots as JSON. */
#include "json.h"

#include "base/text.h"

#ifdef MYL_HAVE_CJSON

#include "snapshot.h"
#include "text.h"
#include "typed.h"

#include <inttypes.h>
#include <string.h>

#include <cjson/cJSON.h>

int json_available(void)
{
    return CLI_OK;
}

/* cJSON stores numbers as doubles, which hold 53 bits, so 64-bit numbers are added as raw text. The add functions
 * return NULL or 0 after a failed allocation; the print functions report it. */
static int add_u64(cJSON *object, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return cJSON_AddRawToObject(object, key, text) != NULL;
}

static int add_i64(cJSON *object, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    return cJSON_AddRawToObject(object, key, text) != NULL;
}

/* Adds null if the age is unknown. */
static int add_age(cJSON *object, const char *key, int64_t age_ns)
{
    return age_ns >= 0 ? add_i64(object, key, age_ns) : cJSON_AddNullToObject(object, key) != NULL;
}

/* JSON is UTF-8: invalid bytes are written as the text "\xHH". Control characters stay and are escaped when the
 * object is printed. Text of other processes has at most a path's length. */
static int add_text(cJSON *object, const char *key, const char *value)
{
    char text[4 * 4200];
    size_t used = 0;
    while (*value != '\0' && used + TEXT_SHOWN_MAX < sizeof text) {
        uint32_t point;
        size_t length = myl_text_decode(value, &point);
        if (length > 0) {
            memcpy(text + used, value, length);
            value += length;
            used += length;
        } else {
            used += text_show(&value, text + used);
        }
    }
    text[used] = '\0';
    return cJSON_AddStringToObject(object, key, text) != NULL;
}

static int add_bool(cJSON *object, const char *key, int value)
{
    return cJSON_AddBoolToObject(object, key, value != 0) != NULL;
}

static int add_hex(cJSON *object, const char *key, const uint64_t *words, size_t count)
{
    char text[36];
    for (size_t i = 0; i < count; i++)
        snprintf(text + 16 * i, sizeof text - 16 * i, "%016" PRIx64, words[i]);
    return add_text(object, key, text);
}

static const char *backend_name(enum myl_backend backend)
{
    switch (backend) {
    case MYL_BACKEND_FILE:
        return "file";
    case MYL_BACKEND_MEMFD:
        return "memfd";
    case MYL_BACKEND_SHM:
        break;
    }
    return "shm";
}

static int add_shape(cJSON *ring, const myl_info *info)
{
    return add_text(ring, "name", info->name) && add_text(ring, "backend", backend_name(info->backend)) &&
           add_text(ring, "label", info->label) && add_hex(ring, "session", info->session, 2) &&
           add_hex(ring, "type_id", &info->type_id, 1) &&
           add_text(ring, "carries", info->kind == MYL_RING_OF_FRAMES ? "frames" : "events") &&
           add_u64(ring, "max_message", info->max_message) && add_u64(ring, "capacity", info->capacity) &&
           add_u64(ring, "event_size", info->event_size) && add_u64(ring, "event_align", info->event_align) &&
           add_u64(ring, "event_offset", info->event_offset) && add_u64(ring, "cell_size", info->cell_size) &&
           add_u64(ring, "events_per_cell", info->events_per_cell) &&
           add_u64(ring, "max_consumers", info->max_consumers) && add_u64(ring, "segment_bytes", info->segment_bytes) &&
           add_u64(ring, "lanes", info->lanes) && add_u64(ring, "lane", info->lane) &&
           add_text(ring, "lane_id", info->lane_id) && add_u64(ring, "created_ns", info->created_ns) &&
           add_bool(ring, "parkable", info->parkable != 0);
}

/* Null if the ring does not describe its messages. The library has checked that the text is printable ASCII. */
static int add_schema(cJSON *ring, const myl_snapshot *snapshot)
{
    const myl_info *info = &snapshot->info;
    if (snapshot->schema_text == NULL)
        return cJSON_AddNullToObject(ring, "codec") != NULL && cJSON_AddNullToObject(ring, "codec_id") != NULL &&
               cJSON_AddNullToObject(ring, "schema_hash") != NULL && cJSON_AddNullToObject(ring, "schema") != NULL;
    return add_text(ring, "codec", typed_codec_name(info->codec).s) && add_u64(ring, "codec_id", info->codec) &&
           add_hex(ring, "schema_hash", &info->schema_hash, 1) &&
           cJSON_AddStringToObject(ring, "schema", snapshot->schema_text) != NULL;
}

/* Adds the counters that this kind of participant has, under their names. */
static int add_counters(cJSON *participant, const uint64_t counters[MYL_COUNTERS_MAX], enum myl_counters_level level,
                        int producer)
{
    cJSON *object = cJSON_AddObjectToObject(participant, "counters");
    const myl_counter_info *info;
    int good = add_text(object, "level", myl_counters_level_name(level));
    for (unsigned i = 0; good && (info = myl_counter_describe(i)) != NULL; i++) {
        if ((producer ? info->producer : info->consumer) != 0)
            good = add_u64(object, info->name, counters[i]);
    }
    return good;
}

static int add_producer(cJSON *ring, const myl_snapshot *snapshot)
{
    cJSON *producer = cJSON_AddObjectToObject(ring, "producer");
    return add_bool(producer, "alive", snapshot->producer_alive) &&
           add_bool(producer, "left", snapshot->producer_left) &&
           cJSON_AddNumberToObject(producer, "pid", snapshot->producer_pid) != NULL &&
           add_u64(producer, "epoch", snapshot->epoch) && add_u64(producer, "parks", snapshot->producer_parks) &&
           add_i64(producer, "waiting_ns", snapshot->producer_waiting_ns) &&
           add_u64(producer, "waited_ns", snapshot->producer_waited_ns) &&
           add_text(producer, "activity", snapshot->producer_activity) &&
           add_i64(producer, "activity_left_ns", snapshot->producer_activity_left_ns) &&
           add_u64(producer, "died_ns", snapshot->producer_died_ns) &&
           add_text(producer, "awaited_consumer", snapshot->awaited_consumer) &&
           add_counters(producer, snapshot->producer_counters, snapshot->producer_counters_level, 1) &&
           add_u64(ring, "evictions", snapshot->evictions) && add_u64(ring, "reaps", snapshot->reaps);
}

static int add_consumer(cJSON *list, const myl_consumer_status *status, const myl_consumer_status *slowest)
{
    cJSON *consumer = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, consumer)) {
        cJSON_Delete(consumer);
        return 0;
    }
    return add_text(consumer, "id", status->id) && add_text(consumer, "state", snapshot_consumer_state(status)) &&
           add_bool(consumer, "alive", status->alive) && add_bool(consumer, "slowest", status == slowest) &&
           cJSON_AddNumberToObject(consumer, "pid", status->pid) != NULL &&
           add_u64(consumer, "generation", status->generation) && add_u64(consumer, "start_ns", status->start_ns) &&
           add_u64(consumer, "cursor", status->cursor) && add_u64(consumer, "lag", status->lag) &&
           add_u64(consumer, "parks", status->parks) && add_text(consumer, "role", myl_role_name(status->role)) &&
           add_i64(consumer, "waiting_ns", status->waiting_ns) && add_u64(consumer, "waited_ns", status->waited_ns) &&
           add_i64(consumer, "stalled_ns", status->stalled_ns) && add_text(consumer, "activity", status->activity) &&
           add_i64(consumer, "activity_left_ns", status->activity_left_ns) &&
           add_u64(consumer, "died_ns", status->died_ns) &&
           add_counters(consumer, status->counters, status->counters_level, 0);
}

/* Returns the ring as an object, or NULL without memory. */
static cJSON *make_ring(const myl_snapshot *snapshot)
{
    cJSON *ring = cJSON_CreateObject();
    const myl_consumer_status *slowest = snapshot_slowest(snapshot);
    int good = add_shape(ring, &snapshot->info) && add_schema(ring, snapshot) &&
               add_text(ring, "state", snapshot_state(snapshot)) && add_u64(ring, "published", snapshot->next) &&
               add_u64(ring, "gate", snapshot->gate) && add_bool(ring, "closed", snapshot->closed) &&
               (!snapshot->closed || add_u64(ring, "closed_at", snapshot->closed_at)) &&
               add_bool(ring, "superseded", snapshot->superseded) && add_producer(ring, snapshot) &&
               add_u64(ring, "live_producers", snapshot->live_producers) &&
               add_u64(ring, "live_consumers", snapshot->live_consumers) &&
               add_u64(ring, "slowest_lag", slowest != NULL ? slowest->lag : 0);
    cJSON *consumers = good ? cJSON_AddArrayToObject(ring, "consumers") : NULL;
    for (uint32_t i = 0; consumers != NULL && i < snapshot->consumers; i++) {
        if (!add_consumer(consumers, myl_snapshot_entry(snapshot, i), slowest))
            consumers = NULL;
    }
    if (consumers != NULL)
        return ring;
    cJSON_Delete(ring);
    return NULL;
}

/* Prints JSON with control characters as \uXXXX; they can only occur within strings. */
static void print_json(const char *text)
{
    while (*text != '\0') {
        uint32_t point;
        size_t length = myl_text_decode(text, &point);
        char out[16];
        if (length == 0 || point == '\n' || point == '\t' || !myl_text_is_control(point))
            snprintf(out, sizeof out, "%.*s", length > 0 ? (int)length : 1, text);
        else if (point <= 0xffff)
            snprintf(out, sizeof out, "\\u%04x", (unsigned)point);
        else
            snprintf(out, sizeof out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((point - 0x10000) >> 10)),
                     (unsigned)(0xdc00 + ((point - 0x10000) & 0x3ff)));
        cli_print(out);
        text += length > 0 ? length : 1;
    }
    cli_print("\n");
}

static int print_and_free(cJSON *json)
{
    char *text = json != NULL ? cJSON_Print(json) : NULL;
    cJSON_Delete(json);
    if (text == NULL)
        return cli_fail(CLI_FAILED, "out of memory for the JSON text");
    print_json(text);
    cJSON_free(text);
    return CLI_OK;
}

/* Adds an item to an array. Returns the array, or NULL after deleting both without memory. */
static cJSON *add_or_delete(cJSON *list, cJSON *item)
{
    if (item != NULL && cJSON_AddItemToArray(list, item))
        return list;
    cJSON_Delete(item);
    cJSON_Delete(list);
    return NULL;
}

int json_print_ring(const myl_snapshot *snapshot)
{
    return print_and_free(make_ring(snapshot));
}

int json_print_rings(myl_snapshot *const *snapshots, size_t count)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list != NULL && i < count; i++)
        list = add_or_delete(list, make_ring(snapshots[i]));
    return print_and_free(list);
}

/* Appends a new object to an array. Returns it, or NULL without memory. */
static cJSON *append(cJSON *list)
{
    cJSON *object = cJSON_CreateObject();
    if (cJSON_AddItemToArray(list, object))
        return object;
    cJSON_Delete(object);
    return NULL;
}

static int add_participant(cJSON *list, const myl_diagnosis *diagnosis, uint32_t index)
{
    const myl_diagnosis_participant *participant = myl_diagnosis_participant_at(diagnosis, index);
    cJSON *object = append(list);
    int good = object != NULL && add_text(object, "id", participant->id) && add_bool(object, "producer", index == 0) &&
               add_text(object, "condition", myl_condition_name(participant->condition)) &&
               add_text(object, "role", myl_role_name(participant->role)) && add_i64(object, "pid", participant->pid) &&
               add_u64(object, "lag", participant->lag) && add_i64(object, "stalled_ns", participant->stalled_ns) &&
               add_bool(object, "waiting", participant->waiting) &&
               add_i64(object, "waiting_ns", participant->waiting_ns) &&
               add_text(object, "activity", participant->activity) &&
               add_i64(object, "activity_age_ns", participant->activity_age_ns) &&
               add_i64(object, "activity_left_ns", participant->activity_left_ns) &&
               add_i64(object, "dead_ns", participant->dead_ns) &&
               (!participant->waiting || add_u64(object, "awaited_sequence", participant->awaited_sequence));
    cJSON *awaited = good ? cJSON_AddArrayToObject(object, "awaited") : NULL;
    good = awaited != NULL;
    for (uint32_t i = 0; good && i < diagnosis->edges; i++) {
        if (diagnosis->edge[i].waiter == index)
            good = cJSON_AddItemToArray(awaited, cJSON_CreateNumber(diagnosis->edge[i].awaited)) != 0;
    }
    return good;
}

/* Returns the diagnosis of a lane as an object, or NULL without memory. */
static cJSON *make_diagnosis(const struct json_lane *lane)
{
    const myl_diagnosis *diagnosis = lane->diagnosis;
    cJSON *json = cJSON_CreateObject();
    int good = add_text(json, "name", lane->ring) && add_u64(json, "lane", lane->lane) &&
               add_text(json, "lane_id", lane->id) && add_text(json, "diagnosis", diagnosis->sentence);
    cJSON *participants = good ? cJSON_AddArrayToObject(json, "participants") : NULL;
    good = participants != NULL;
    for (uint32_t i = 0; good && i < diagnosis->participants; i++)
        good = add_participant(participants, diagnosis, i);
    if (good)
        return json;
    cJSON_Delete(json);
    return NULL;
}

int json_print_diagnosis(const struct json_lane *lane)
{
    return print_and_free(make_diagnosis(lane));
}

int json_print_diagnoses(const struct json_lane *lanes, size_t count)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list != NULL && i < count; i++)
        list = add_or_delete(list, make_diagnosis(&lanes[i]));
    return print_and_free(list);
}

static int add_log_entry(cJSON *list, const myl_log_entry *entry)
{
    cJSON *object = append(list);
    return object != NULL && add_u64(object, "number", entry->number) && add_u64(object, "time_ns", entry->time_ns) &&
           add_text(object, "kind", myl_log_kind_name(entry->kind)) && add_text(object, "id", entry->id) &&
           add_u64(object, "sequence", entry->sequence) && add_u64(object, "value", entry->value) &&
           add_i64(object, "pid", entry->pid) && add_i64(object, "by", entry->by);
}

int json_print_log(const char *name, const myl_log *log)
{
    cJSON *json = cJSON_CreateObject();
    int good =
        add_text(json, "name", name) && add_u64(json, "written", log->written) && add_u64(json, "torn", log->torn);
    cJSON *list = good ? cJSON_AddArrayToObject(json, "log") : NULL;
    good = list != NULL;
    for (uint32_t i = 0; good && i < log->count; i++)
        good = add_log_entry(list, myl_log_entry_at(log, i));
    if (!good) {
        cJSON_Delete(json);
        json = NULL;
    }
    return print_and_free(json);
}

/* Prints an object with one array, whose elements `add` fills. */
static int print_list(const char *key, const void *whole, size_t count,
                      int (*add)(cJSON *object, const void *whole, size_t index))
{
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, key);
    int good = list != NULL;
    for (size_t i = 0; good && i < count; i++) {
        cJSON *object = append(list);
        good = object != NULL && add(object, whole, i);
    }
    if (!good) {
        cJSON_Delete(json);
        json = NULL;
    }
    return print_and_free(json);
}

static int add_gc_participant(cJSON *list, const char *id, const char *state, int32_t pid, uint64_t unread)
{
    cJSON *object = append(list);
    return object != NULL && add_text(object, "id", id) && add_text(object, "state", state) &&
           add_i64(object, "pid", pid) && add_u64(object, "unread", unread);
}

static int add_gc_object(cJSON *json, const void *whole, size_t index)
{
    const struct gc_object *object = &((const struct gc *)whole)->object[index];
    const myl_snapshot *ring = object->snapshot;
    int good = add_text(json, "name", object->name) && add_text(json, "backend", backend_name(object->backend)) &&
               add_text(json, "what", object->what) && add_text(json, "fate", gc_fate_name(object->fate)) &&
               add_age(json, "age_ns", object->age_ns) && add_u64(json, "bytes", object->bytes) &&
               add_u64(json, "unread", object->not_drained) && add_text(json, "reason", object->why);
    cJSON *participants = good ? cJSON_AddArrayToObject(json, "participants") : NULL;
    good = participants != NULL &&
           (ring == NULL ||
            add_gc_participant(participants, "", ring->producer_left ? "left" : "dead", ring->producer_pid, 0));
    for (uint32_t i = 0; good && ring != NULL && i < ring->consumers; i++) {
        const myl_consumer_status *consumer = myl_snapshot_entry(ring, i);
        good = add_gc_participant(participants, consumer->id, snapshot_consumer_state(consumer), consumer->pid,
                                  snapshot_gates(consumer) ? consumer->lag : 0);
    }
    return good;
}

int json_print_gc(const struct gc *gc)
{
    return print_list("objects", gc, gc->count, add_gc_object);
}

static int add_finding(cJSON *json, const void *whole, size_t index)
{
    const struct doctor_finding *finding = &((const struct doctor *)whole)->finding[index];
    return add_text(json, "subject", finding->subject) && add_text(json, "level", doctor_level_name(finding->level)) &&
           add_text(json, "found", finding->found) && add_text(json, "means", finding->means) &&
           add_text(json, "remedy", finding->remedy);
}

int json_print_doctor(const struct doctor *doctor)
{
    return print_list("findings", doctor, doctor->count, add_finding);
}

#else

int json_available(void)
{
    return cli_fail(CLI_FAILED,
                    "--json is not available: this myelon was built without cJSON; install libcjson-dev and "
                    "build again");
}

int json_print_ring(const myl_snapshot *snapshot)
{
    (void)snapshot;
    return json_available();
}

int json_print_rings(myl_snapshot *const *snapshots, size_t count)
{
    (void)snapshots;
    (void)count;
    return json_available();
}

int json_print_diagnosis(const struct json_lane *lane)
{
    (void)lane;
    return json_available();
}

int json_print_diagnoses(const struct json_lane *lanes, size_t count)
{
    (void)lanes;
    (void)count;
    return json_available();
}

int json_print_log(const char *name, const myl_log *log)
{
    (void)name;
    (void)log;
    return json_available();
}

int json_print_gc(const struct gc *gc)
{
    (void)gc;
    return json_available();
}

int json_print_doctor(const struct doctor *doctor)
{
    (void)doctor;
    return json_available();
}

#endif
