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
           add_hex(ring, "type_id", &info->type_id, 1) && add_u64(ring, "capacity", info->capacity) &&
           add_u64(ring, "event_size", info->event_size) && add_u64(ring, "event_align", info->event_align) &&
           add_u64(ring, "event_offset", info->event_offset) && add_u64(ring, "cell_size", info->cell_size) &&
           add_u64(ring, "events_per_cell", info->events_per_cell) &&
           add_u64(ring, "max_consumers", info->max_consumers) && add_u64(ring, "segment_bytes", info->segment_bytes) &&
           add_u64(ring, "created_ns", info->created_ns) && add_bool(ring, "parkable", info->parkable != 0);
}

static int add_producer(cJSON *ring, const myl_snapshot *snapshot)
{
    cJSON *producer = cJSON_AddObjectToObject(ring, "producer");
    return add_bool(producer, "alive", snapshot->producer_alive) &&
           add_bool(producer, "left", snapshot->producer_left) &&
           cJSON_AddNumberToObject(producer, "pid", snapshot->producer_pid) != NULL &&
           add_u64(producer, "epoch", snapshot->epoch) && add_u64(producer, "parks", snapshot->producer_parks);
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
           add_u64(consumer, "parks", status->parks);
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

#endif
