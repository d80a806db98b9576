/* SPDX-License-Identifier: MIT
 * Snapshots as JSON. */
#include "json.h"

#ifdef MYL_HAVE_CJSON

#include "snapshot.h"

#include <inttypes.h>

#include <cjson/cJSON.h>

int json_available(void)
{
    return CLI_OK;
}

/* cJSON keeps numbers as doubles, which hold 53 bits: 64-bit ones are written by ourselves. The add functions pass
 * NULL on after a failed allocation; what is missing is found when the whole is printed. */
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

static int add_text(cJSON *object, const char *key, const char *value)
{
    return cJSON_AddStringToObject(object, key, value) != NULL;
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

static int add_producer(cJSON *ring, const myl_snapshot *snapshot)
{
    cJSON *producer = cJSON_AddObjectToObject(ring, "producer");
    return add_bool(producer, "alive", snapshot->producer_alive) &&
           add_bool(producer, "left", snapshot->producer_left) &&
           cJSON_AddNumberToObject(producer, "pid", snapshot->producer_pid) != NULL &&
           add_u64(producer, "epoch", snapshot->epoch) && add_u64(producer, "parks", snapshot->producer_parks) &&
           add_i64(producer, "waiting_ns", snapshot->producer_waiting_ns) &&
           add_u64(producer, "waited_ns", snapshot->producer_waited_ns) &&
           add_text(producer, "doing", snapshot->producer_doing) &&
           add_i64(producer, "patience_ns", snapshot->producer_patience_ns) &&
           add_u64(producer, "died_ns", snapshot->producer_died_ns) && add_text(producer, "missing", snapshot->missing);
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
           add_i64(consumer, "still_ns", status->still_ns) && add_text(consumer, "doing", status->doing) &&
           add_i64(consumer, "patience_ns", status->patience_ns) && add_u64(consumer, "died_ns", status->died_ns);
}

/* The ring as an object, or NULL without memory. */
static cJSON *make_ring(const myl_snapshot *snapshot)
{
    cJSON *ring = cJSON_CreateObject();
    const myl_consumer_status *slowest = snapshot_slowest(snapshot);
    int good = add_shape(ring, &snapshot->info) && add_text(ring, "state", snapshot_state(snapshot)) &&
               add_u64(ring, "published", snapshot->next) && add_u64(ring, "gate", snapshot->gate) &&
               add_bool(ring, "closed", snapshot->closed) &&
               (!snapshot->closed || add_u64(ring, "closed_at", snapshot->closed_at)) &&
               add_bool(ring, "superseded", snapshot->superseded) && add_producer(ring, snapshot) &&
               add_u64(ring, "live_producers", snapshot->live_producers) &&
               add_u64(ring, "live_consumers", snapshot->live_consumers) &&
               add_u64(ring, "slowest_lag", slowest != NULL ? slowest->lag : 0);
    cJSON *consumers = good ? cJSON_AddArrayToObject(ring, "consumers") : NULL;
    for (uint32_t i = 0; consumers != NULL && i < snapshot->consumers; i++) {
        if (!add_consumer(consumers, &snapshot->entry[i], slowest))
            consumers = NULL;
    }
    if (consumers != NULL)
        return ring;
    cJSON_Delete(ring);
    return NULL;
}

static int print_and_free(cJSON *json)
{
    char *text = json != NULL ? cJSON_Print(json) : NULL;
    cJSON_Delete(json);
    if (text == NULL)
        return cli_fail(CLI_FAILED, "not enough memory for the JSON text");
    puts(text);
    cJSON_free(text);
    return CLI_OK;
}

int json_print_ring(const myl_snapshot *snapshot)
{
    return print_and_free(make_ring(snapshot));
}

int json_print_rings(myl_snapshot *const *snapshots, size_t count)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list != NULL && i < count; i++) {
        cJSON *ring = make_ring(snapshots[i]);
        if (ring == NULL || !cJSON_AddItemToArray(list, ring)) {
            cJSON_Delete(ring);
            cJSON_Delete(list);
            list = NULL;
        }
    }
    return print_and_free(list);
}

/* A new object at the end of an array, or NULL. */
static cJSON *append(cJSON *list)
{
    cJSON *object = cJSON_CreateObject();
    if (cJSON_AddItemToArray(list, object))
        return object;
    cJSON_Delete(object);
    return NULL;
}

static int add_party(cJSON *list, const myl_verdict *verdict, uint32_t index)
{
    const myl_why_party *party = &verdict->party[index];
    cJSON *object = append(list);
    int good = object != NULL && add_text(object, "id", party->id) && add_bool(object, "producer", index == 0) &&
               add_text(object, "condition", myl_condition_name(party->condition)) &&
               add_text(object, "role", myl_role_name(party->role)) && add_i64(object, "pid", party->pid) &&
               add_u64(object, "behind", party->behind) && add_i64(object, "still_ns", party->still_ns) &&
               add_bool(object, "waits", party->waits) && add_i64(object, "waiting_ns", party->waiting_ns) &&
               add_text(object, "doing", party->doing) && add_i64(object, "doing_ns", party->doing_ns) &&
               add_i64(object, "patience_ns", party->patience_ns) && add_i64(object, "dead_ns", party->dead_ns) &&
               (!party->waits || add_u64(object, "waits_for", party->waits_for));
    cJSON *for_whom = good ? cJSON_AddArrayToObject(object, "for") : NULL;
    good = for_whom != NULL;
    for (uint32_t i = 0; good && i < verdict->edges; i++) {
        if (verdict->edge[i].waits == index)
            good = cJSON_AddItemToArray(for_whom, cJSON_CreateNumber(verdict->edge[i].for_whom)) != 0;
    }
    return good;
}

int json_print_verdict(const char *name, const myl_verdict *verdict)
{
    cJSON *json = cJSON_CreateObject();
    int good = add_text(json, "name", name) && add_text(json, "verdict", verdict->sentence);
    cJSON *parties = good ? cJSON_AddArrayToObject(json, "parties") : NULL;
    good = parties != NULL;
    for (uint32_t i = 0; good && i < verdict->parties; i++)
        good = add_party(parties, verdict, i);
    if (!good) {
        cJSON_Delete(json);
        json = NULL;
    }
    return print_and_free(json);
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
        good = add_log_entry(list, &log->entry[i]);
    if (!good) {
        cJSON_Delete(json);
        json = NULL;
    }
    return print_and_free(json);
}

/* An object with an array in it, of which `add` makes each element. */
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

static int add_gc_party(cJSON *list, const char *id, const char *state, int32_t pid, uint64_t unread)
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
               add_i64(json, "age_ns", object->age_ns) && add_u64(json, "bytes", object->bytes) &&
               add_u64(json, "unread", object->unread) && add_text(json, "why", object->why);
    cJSON *parties = good ? cJSON_AddArrayToObject(json, "parties") : NULL;
    good = parties != NULL &&
           (ring == NULL || add_gc_party(parties, "", ring->producer_left ? "left" : "dead", ring->producer_pid, 0));
    for (uint32_t i = 0; good && ring != NULL && i < ring->consumers; i++) {
        const myl_consumer_status *consumer = &ring->entry[i];
        good = add_gc_party(parties, consumer->id, snapshot_consumer_state(consumer), consumer->pid,
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
    return add_text(json, "subject", finding->subject) &&
           add_text(json, "verdict", doctor_verdict_name(finding->verdict)) &&
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
    return cli_fail(CLI_FAILED, "--json is not there: this myelon was built without cJSON (install libcjson-dev and "
                                "build again)");
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

int json_print_verdict(const char *name, const myl_verdict *verdict)
{
    (void)name;
    (void)verdict;
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
