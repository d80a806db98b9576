/* SPDX-License-Identifier: MIT
 * The scheduler's requests in flight: a table of places, and a list in the order of sending. */
#include "fabric/table.h"

#include "base/error.h"
#include "fabric/message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int myl_table_open(struct myl_table *table, uint32_t most)
{
    uint32_t places = 1;
    while (places < most)
        places *= 2;
    table->flight = calloc(places, sizeof *table->flight);
    if (table->flight == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for %" PRIu32 " requests in flight; ask for fewer (requests_max)", most);
    table->places = places;
    table->most = most;
    table->first = table->last = MYL_FLIGHT_NONE;
    return MYL_OK;
}

void myl_table_close(struct myl_table *table)
{
    free(table->flight);
    memset(table, 0, sizeof *table);
}

static uint32_t place_of(const struct myl_table *table, uint64_t id)
{
    return (uint32_t)(id & (table->places - 1));
}

/* The next number is never 0. */
static uint64_t next_id(struct myl_table *table, uint32_t generation)
{
    table->number = (table->number + 1) & MYL_REQUEST_NUMBER_MASK;
    if (table->number == 0)
        table->number = 1;
    return (uint64_t)generation << MYL_REQUEST_NUMBER_BITS | table->number;
}

uint64_t myl_table_number(struct myl_table *table, uint32_t generation)
{
    return next_id(table, generation);
}

struct myl_flight *myl_table_add(struct myl_table *table, uint32_t generation)
{
    if (table->count == table->most) {
        (void)myl_fail(MYL_ELIMIT, "%" PRIu32 " requests are in flight; take events first, or raise requests_max",
                       table->most);
        return NULL;
    }
    uint64_t id = next_id(table, generation);
    while (table->flight[place_of(table, id)].id != 0)
        id = next_id(table, generation);
    uint32_t place = place_of(table, id);
    struct myl_flight *flight = &table->flight[place];
    *flight = (struct myl_flight){.id = id, .prev = table->last, .next = MYL_FLIGHT_NONE, .copy.first = MYL_KEEP_NONE};
    if (table->last == MYL_FLIGHT_NONE)
        table->first = place;
    else
        table->flight[table->last].next = place;
    table->last = place;
    table->count++;
    return flight;
}

struct myl_flight *myl_table_find(const struct myl_table *table, uint64_t id)
{
    struct myl_flight *flight = &table->flight[place_of(table, id)];
    return id != 0 && flight->id == id ? flight : NULL;
}

void myl_table_remove(struct myl_table *table, struct myl_flight *flight)
{
    table->deadlines -= flight->deadline_ns != 0;
    if (flight->prev == MYL_FLIGHT_NONE)
        table->first = flight->next;
    else
        table->flight[flight->prev].next = flight->next;
    if (flight->next == MYL_FLIGHT_NONE)
        table->last = flight->prev;
    else
        table->flight[flight->next].prev = flight->prev;
    flight->id = 0;
    table->count--;
}

static struct myl_flight *at(const struct myl_table *table, uint32_t place)
{
    return place == MYL_FLIGHT_NONE ? NULL : &table->flight[place];
}

struct myl_flight *myl_table_first(const struct myl_table *table)
{
    return at(table, table->first);
}

struct myl_flight *myl_table_next(const struct myl_table *table, const struct myl_flight *flight)
{
    return at(table, flight->next);
}
