/* SPDX-License-Identifier: MIT
 * Makes every decision of a run: drawn from the seed, or taken from a list. The list is enumerated depth first, by
 * running the program again with a different last choice. */
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHOICES_MAX 65536U

static struct {
    unsigned char taken[CHOICES_MAX], of[CHOICES_MAX];
    size_t at, known;
} list;

/* xoshiro256**, by Blackman and Vigna, seeded through splitmix64, by Steele, Lea and Flood. */
static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t next(uint64_t s[4])
{
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void seed_generator(uint64_t s[4], uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        s[i] = z ^ (z >> 31);
    }
}

static unsigned below(uint64_t random, unsigned n)
{
    return (unsigned)(((random >> 32) * n) >> 32);
}

uint64_t sim_random(void)
{
    return next(sim.random);
}

void sim_choices_begin(uint64_t seed)
{
    seed_generator(sim.random, seed);
    seed_generator(sim.drawing, ~seed);
    list.at = 0;
}

unsigned sim_draw(unsigned n)
{
    return below(next(sim.drawing), n);
}

int sim_chance(unsigned of_65536)
{
    return (next(sim.drawing) & 0xffffU) < of_65536;
}

unsigned sim_choose(unsigned n)
{
    if (n <= 1)
        return 0;
    if (sim.conditions.strategy != SIM_ENUMERATE)
        return below(sim_random(), n);
    if (n > 255 || list.at == CHOICES_MAX)
        sim_violation("engine", "too many choices to enumerate");
    if (list.at == list.known) {
        list.taken[list.at] = 0;
        list.of[list.at] = (unsigned char)n;
        list.known++;
    }
    if (list.taken[list.at] >= n)
        sim_violation("engine", "choice %zu is %u of %u: the run is not the same as before", list.at,
                      (unsigned)list.taken[list.at], n);
    list.of[list.at] = (unsigned char)n;
    return list.taken[list.at++];
}

void sim_enumerate_reset(void)
{
    list.known = 0;
}

int sim_enumerate_next(void)
{
    list.known = list.at; /* a run that ended early made fewer choices */
    while (list.known > 0) {
        size_t last = list.known - 1;
        if (list.taken[last] + 1U < list.of[last]) {
            list.taken[last]++;
            return 1;
        }
        list.known--;
    }
    return 0;
}

void sim_choices_print(void)
{
    /* Prints run lengths: most choices are 0. */
    for (size_t i = 0; i < list.at;) {
        size_t same = 1;
        while (i + same < list.at && list.taken[i + same] == list.taken[i])
            same++;
        printf("%s%ux%zu", i == 0 ? "" : ",", (unsigned)list.taken[i], same);
        i += same;
    }
    printf("\n");
}

int sim_choices_parse(const char *text)
{
    list.known = 0;
    while (*text != '\0') {
        char *end;
        unsigned long value = strtoul(text, &end, 10);
        if (end == text || *end != 'x' || value > 254)
            return -1;
        text = end + 1;
        unsigned long count = strtoul(text, &end, 10);
        if (end == text || count > CHOICES_MAX - list.known || (*end != ',' && *end != '\0'))
            return -1;
        memset(list.taken + list.known, (int)value, count);
        memset(list.of + list.known, 255, count);
        list.known += count;
        text = *end == ',' ? end + 1 : end;
    }
    return 0;
}
