/* SPDX-License-Identifier: MIT
 * The simulated kernel's tables: objects, names, open file descriptions and their locks, and mappings.
 *
 * All objects are in one host memory object, the arena. Each process has two images of it, one writable and one
 * read-only. So each process has its own pointers, a pointer of another process is detected, and a simulated mapping
 * needs no system call. After the images are the twins: places for double mappings (the same object twice in a row).
 * Runs mostly map the same bytes at the same places, so that these need hardly any system call either. */
#define _GNU_SOURCE
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESCRIPTIONS 256
#define PAGES (SIM_ARENA / SIM_PAGE)
#define OBJECT_ALIGN ((uint64_t)64 << 10)

struct sim_view sim_directory;
struct sim_view sim_futex_queues;

#define TWINS 4U /* of one process */
#define TWIN_BYTES ((uint64_t)256 << 10) /* maximum, both halves together */
#define IMAGES (SIM_ARENA * 2 * SIM_PROCESSES)

/* One place for a double mapping. */
struct twin {
    uint64_t offset, bytes; /* range of the arena that the host has mapped there, of one half */
    int used, writable;
};

static struct twin twins[SIM_PROCESSES][TWINS];
static int arena_fd;
static unsigned char *images; /* process 0 read-only, process 0 writable, process 1 read-only, ... */
static uint8_t mapped[SIM_PROCESSES][2][PAGES]; /* how often each page is mapped */
static struct sim_object object[SIM_OBJECTS];
static struct sim_description description[DESCRIPTIONS];
static struct sim_name name[SIM_NAMES];
static unsigned objects;
static uint64_t arena_used;

/* --- the arena -------------------------------------------------------------------------------------------------- */

static unsigned char *image(unsigned process, int writable)
{
    return images + (((size_t)process * 2 + (writable ? 1U : 0U)) << SIM_ARENA_BITS);
}

unsigned char *sim_arena(void)
{
    return image(0, 1);
}

void sim_kernel_set_up(void)
{
    if (images != NULL)
        return;
    size_t bytes = IMAGES + SIM_PROCESSES * TWINS * TWIN_BYTES;
    int fd = memfd_create("sim", MFD_CLOEXEC);
    void *reserved = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int ok = fd >= 0 && ftruncate(fd, (off_t)SIM_ARENA) == 0 && reserved != MAP_FAILED;
    images = reserved;
    for (unsigned i = 0; ok && i < 2 * SIM_PROCESSES; i++) {
        int protection = i % 2 != 0 ? PROT_READ | PROT_WRITE : PROT_READ;
        ok = mmap(image(i / 2, i % 2 != 0), SIM_ARENA, protection, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED;
    }
    if (!ok) {
        perror("sim: cannot make the arena");
        exit(2);
    }
    arena_fd = fd;
}

void sim_kernel_begin(void)
{
    memset(mapped, 0, sizeof mapped[0] * sim.processes); /* pages of the previous run */
    for (unsigned i = 0; i < SIM_PROCESSES * TWINS; i++)
        twins[i / TWINS][i % TWINS].used = 0;
    memset(description, 0, sizeof description);
    memset(name, 0, sizeof name);
    memset(&sim_directory, 0, sizeof sim_directory);
    memset(&sim_futex_queues, 0, sizeof sim_futex_queues);
    objects = 0;
    arena_used = SIM_PAGE;
    memset(sim_arena(), 0, SIM_PAGE);
}

void *sim_scratch(void)
{
    unsigned process = sim.current->process->index;
    mapped[process][1][0] = 1;
    return image(process, 1);
}

static struct twin *twin_at(const void *address, unsigned *process)
{
    uint64_t place = ((uint64_t)((uintptr_t)address - (uintptr_t)images) - IMAGES) / TWIN_BYTES;
    *process = (unsigned)(place / TWINS);
    return place < SIM_PROCESSES * TWINS ? &twins[place / TWINS][place % TWINS] : NULL;
}

static unsigned char *twin_address(const struct twin *twin)
{
    return images + IMAGES + (uint64_t)(twin - twins[0]) * TWIN_BYTES;
}

static int offset_of_twin(const void *address, int writing, uint64_t *offset)
{
    unsigned process;
    const struct twin *twin = twin_at(address, &process);
    if (twin == NULL)
        return 0;
    uint64_t at = (uint64_t)((const unsigned char *)address - twin_address(twin));
    if (process != sim.current->process->index)
        sim_violation("foreign pointer", "%s uses an address of another process's mapping", sim_self_name());
    if (!twin->used || at >= 2 * twin->bytes)
        sim_violation("unmapped memory", "%s uses memory that it has not mapped", sim_self_name());
    if (writing && !twin->writable)
        sim_violation("read-only memory", "%s writes to memory that it has mapped for reading only", sim_self_name());
    *offset = twin->offset + (at < twin->bytes ? at : at - twin->bytes);
    return 1;
}

int sim_offset_of(const void *address, int writing, uint64_t *offset)
{
    uint64_t at = (uint64_t)((uintptr_t)address - (uintptr_t)images);
    if (at >= IMAGES)
        return offset_of_twin(address, writing, offset);
    unsigned process = (unsigned)(at >> (SIM_ARENA_BITS + 1));
    unsigned writable = (at >> SIM_ARENA_BITS) & 1U;
    *offset = at & (SIM_ARENA - 1);
    if (process != sim.current->process->index)
        sim_violation("foreign pointer", "%s uses an address of another process's mapping", sim_self_name());
    if (mapped[process][writable][*offset / SIM_PAGE] == 0)
        sim_violation("unmapped memory", "%s uses memory that it has not mapped", sim_self_name());
    if (writing && !writable)
        sim_violation("read-only memory", "%s writes to memory that it has mapped for reading only", sim_self_name());
    return 1;
}

/* --- objects ----------------------------------------------------------------------------------------------------- */

int sim_object_make(uint64_t bytes, struct sim_object **made)
{
    uint64_t offset = (arena_used + OBJECT_ALIGN - 1) / OBJECT_ALIGN * OBJECT_ALIGN;
    if (objects == SIM_OBJECTS || bytes > SIM_ARENA || offset > SIM_ARENA - bytes)
        return ENOSPC;
    arena_used = offset + bytes;
    struct sim_object *o = &object[objects++];
    memset(o, 0, sizeof *o);
    o->offset = offset;
    o->bytes = bytes;
    o->inode = objects;
    memset(sim_arena() + offset, 0, bytes);
    *made = o;
    return 0;
}

const struct sim_object *sim_object_at(uint64_t offset)
{
    for (unsigned i = 0; i < objects; i++) {
        if (offset >= object[i].offset && offset - object[i].offset < object[i].bytes)
            return &object[i];
    }
    return NULL;
}

const struct sim_object *sim_object_numbered(uint64_t inode)
{
    return inode == 0 || inode > objects ? NULL : &object[inode - 1];
}

int sim_descriptor_make(struct sim_process *process, struct sim_object *target, int writable, int *fd)
{
    unsigned at = 0, free_description = 0;
    while (at < SIM_DESCRIPTORS && process->descriptor[at] != NULL)
        at++;
    while (free_description < DESCRIPTIONS && description[free_description].object != NULL)
        free_description++;
    if (at == SIM_DESCRIPTORS || free_description == DESCRIPTIONS)
        return EMFILE;
    struct sim_description *d = &description[free_description];
    *d = (struct sim_description){.object = target, .descriptors = 1, .writable = writable};
    target->descriptions++;
    process->descriptor[at] = d;
    *fd = (int)at + 3;
    return 0;
}

void sim_lock_leave(struct sim_object *o, unsigned lock)
{
    o->lock[lock] = NULL;
    o->lock_released_at[lock] = sim.points;
}

struct sim_description *sim_description_of(const struct sim_process *process, int fd)
{
    return fd < 3 || fd >= SIM_DESCRIPTORS + 3 ? NULL : process->descriptor[fd - 3];
}

void sim_descriptor_close(struct sim_process *process, unsigned index)
{
    struct sim_description *d = process->descriptor[index];
    process->descriptor[index] = NULL;
    if (--d->descriptors > 0)
        return;
    struct sim_object *o = d->object;
    /* The kernel releases the locks of a description with its last descriptor. All accesses of its process happen
     * before that. */
    for (unsigned i = 0; i < sim.participants; i++) {
        if (sim.participant[i].process == process)
            sim_memory_sync(&sim.participant[i], &o->locks);
    }
    for (unsigned i = 0; i < SIM_LOCKS; i++) {
        if (o->lock[i] == d)
            sim_lock_leave(o, i);
    }
    o->descriptions--;
    d->object = NULL;
    sim.writes++;
}

/* --- names ------------------------------------------------------------------------------------------------------- */

struct sim_name *sim_name_find(const char *path)
{
    for (unsigned i = 0; i < SIM_NAMES; i++) {
        if (name[i].object != NULL && strcmp(name[i].path, path) == 0)
            return &name[i];
    }
    return NULL;
}

int sim_name_make(const char *path, struct sim_object *target)
{
    unsigned i = 0;
    if (sim_name_find(path) != NULL)
        return EEXIST;
    while (i < SIM_NAMES && name[i].object != NULL)
        i++;
    if (i == SIM_NAMES || strlen(path) >= sizeof name[i].path)
        return ENOSPC;
    (void)snprintf(name[i].path, sizeof name[i].path, "%s", path);
    name[i].object = target;
    target->names++;
    sim.writes++;
    return 0;
}

void sim_name_drop(struct sim_name *dropped)
{
    dropped->object->names--;
    dropped->object = NULL;
    sim.writes++;
}

struct sim_name *sim_name_at(unsigned index)
{
    return index < SIM_NAMES ? &name[index] : NULL;
}

unsigned sim_names(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SIM_NAMES; i++)
        count += name[i].object != NULL;
    return count;
}

/* --- mappings ---------------------------------------------------------------------------------------------------- */

int sim_map(struct sim_process *process, const struct sim_object *target, uint64_t offset, uint64_t bytes, int writable,
            void **address)
{
    if (offset % SIM_PAGE != 0 || bytes == 0)
        return EINVAL;
    if (offset > target->bytes || bytes > target->bytes - offset)
        return EINVAL; /* a real map would succeed and fault later; no correct caller does this */
    uint64_t first = (target->offset + offset) / SIM_PAGE;
    for (uint64_t page = 0; page < (bytes + SIM_PAGE - 1) / SIM_PAGE; page++)
        mapped[process->index][writable ? 1 : 0][first + page]++;
    *address = image(process->index, writable) + target->offset + offset;
    return 0;
}

int sim_map_twice(struct sim_process *process, const struct sim_object *target, uint64_t offset, uint64_t bytes,
                  int writable, void **address)
{
    unsigned i = 0;
    while (i < TWINS && twins[process->index][i].used)
        i++;
    if (i == TWINS || bytes > TWIN_BYTES / 2)
        return ENOMEM;
    if (offset % SIM_PAGE != 0 || bytes == 0 || offset > target->bytes || bytes > target->bytes - offset)
        return EINVAL;
    struct twin *twin = &twins[process->index][i];
    unsigned char *at = twin_address(twin);
    uint64_t from = target->offset + offset;
    for (unsigned half = 0; half < 2 && (twin->offset != from || twin->bytes != bytes); half++) {
        if (mmap(at + half * bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, arena_fd, (off_t)from) ==
            MAP_FAILED) {
            perror("sim: cannot make a double mapping");
            exit(2);
        }
    }
    *twin = (struct twin){.offset = from, .bytes = bytes, .used = 1, .writable = writable};
    sim_memory_sparse(from, bytes);
    *address = at;
    return 0;
}

void sim_unmap(struct sim_process *process, const void *address, uint64_t bytes)
{
    unsigned owner;
    struct twin *twin = twin_at(address, &owner);
    if (twin != NULL) {
        if (!twin->used || owner != process->index || bytes != 2 * twin->bytes || address != twin_address(twin))
            sim_violation("unmapped memory", "%s unmaps memory that it has not mapped", process->name);
        twin->used = 0;
        return;
    }
    uint64_t at = (uint64_t)((const unsigned char *)address - image(process->index, 0));
    unsigned writable = (unsigned)(at >> SIM_ARENA_BITS);
    if (at >= 2 * SIM_ARENA)
        sim_violation("unmapped memory", "%s unmaps memory that it has not mapped", process->name);
    at &= SIM_ARENA - 1;
    for (uint64_t page = at / SIM_PAGE; page < (at + bytes + SIM_PAGE - 1) / SIM_PAGE; page++) {
        if (mapped[process->index][writable][page] == 0)
            sim_violation("unmapped memory", "%s unmaps memory that it has not mapped", process->name);
        mapped[process->index][writable][page]--;
    }
}
