/* SPDX-License-Identifier: MIT
 * Repeating a case. */
#include "repeat.h"

#include "clock.h"
#include "party.h"
#include "stats.h"

#include <string.h>

static const uint64_t patience_ns = 40000000000u, patience_quick_ns = 500000000u;

const char *bench_place_name(enum bench_place place)
{
    static const char *const name[] = {"anywhere", "apart", "together", "moved"};
    return name[place];
}

static void choose_rivals(struct bench_rivals *rivals, const struct bench_case *one)
{
    memset(rivals, 0, sizeof *rivals);
    rivals->name[BENCH_OURS] = "ours";
    rivals->name[BENCH_AGAINST] = one->metric[0].against;
    rivals->name[BENCH_LIMIT] = one->limit;
}

/* The sides take turns, and who begins changes with every pair: a drift of the machine falls on all alike. */
static enum bench_outcome measure_pair(const struct bench_case *one, const struct bench_context *context, int number,
                                       struct bench_pair *pair)
{
    enum bench_side sides[BENCH_SIDES];
    int count = 0;
    for (int side = 0; side < BENCH_SIDES; side++) {
        if (context->rivals->name[side] != NULL)
            sides[count++] = (enum bench_side)side;
    }
    for (int turn = 0; turn < count; turn++) {
        enum bench_side side = sides[(number + turn) % count];
        long before = bench_pushed();
        enum bench_outcome outcome = one->measure(one, context, side, pair->value[side]);
        pair->pushed += bench_pushed() - before;
        if (outcome != BENCH_DONE)
            return outcome;
        if (one->cpus < 2)
            continue;
        double line = bench_machine_line(context->machine);
        pair->line_least = line < pair->line_least ? line : pair->line_least;
        pair->line_most = line > pair->line_most ? line : pair->line_most;
    }
    return BENCH_DONE;
}

/* Two places differ by a factor of three or so where they differ at all; `farthest` is the longest line ever seen. */
static enum bench_place place_of(const struct bench_pair *pair, double farthest)
{
    double border = 0.6 * farthest;
    if (pair->line_most == 0)
        return BENCH_ANYWHERE;
    if (pair->line_least >= border)
        return BENCH_APART;
    return pair->line_most < border ? BENCH_TOGETHER : BENCH_MOVED;
}

static int count_place(struct bench_pairs *pairs, enum bench_place place, double farthest)
{
    int count = 0;
    for (int i = 0; i < pairs->count; i++) {
        pairs->pair[i].place = place_of(&pairs->pair[i], farthest);
        count += pairs->pair[i].place == place;
    }
    return count;
}

/* Never a mixture if it can be helped: a pair that moved compares nothing. */
static void choose(struct bench_pairs *pairs, double farthest, int wanted)
{
    static const enum bench_place order[] = {BENCH_ANYWHERE, BENCH_APART, BENCH_TOGETHER};
    int enough = wanted < 3 ? wanted : 3;
    pairs->place = BENCH_MOVED;
    for (int i = 0; i < 3 && pairs->place == BENCH_MOVED; i++) {
        if (count_place(pairs, order[i], farthest) >= enough)
            pairs->place = order[i];
    }
    double line[BENCH_PAIRS];
    for (int i = 0; i < pairs->count; i++) {
        struct bench_pair *pair = &pairs->pair[i];
        pair->used = pairs->place == BENCH_MOVED || pair->place == pairs->place;
        if (pair->used)
            line[pairs->used++] = pair->line_least;
    }
    pairs->line = bench_median(line, (size_t)pairs->used);
}

enum bench_outcome bench_repeat(const struct bench_case *one, const struct bench_context *context,
                                struct bench_pairs *pairs)
{
    static double farthest;
    if (farthest == 0)
        farthest = context->machine->line_most;
    int wanted = one->repeats ? one->repeats : 9;
    if (context->quick)
        wanted = one->repeats_quick ? one->repeats_quick : 3;
    uint64_t end = bench_now_ns() + (context->quick ? patience_quick_ns : patience_ns);
    memset(pairs, 0, sizeof *pairs);
    choose_rivals(&pairs->rivals, one);
    if (one->choose != NULL) {
        enum bench_outcome outcome = one->choose(one, context, &pairs->rivals);
        if (outcome != BENCH_DONE)
            return outcome;
    }
    struct bench_context with = *context;
    with.rivals = &pairs->rivals;
    double line = one->cpus < 2 ? 0 : bench_machine_line(context->machine);
    for (;;) {
        struct bench_pair *pair = &pairs->pair[pairs->count];
        pair->line_least = pair->line_most = line;
        enum bench_outcome outcome = measure_pair(one, &with, pairs->count, pair);
        if (outcome != BENCH_DONE)
            return outcome;
        pairs->count++;
        farthest = pair->line_most > farthest ? pair->line_most : farthest;
        enum bench_place best = one->cpus < 2 ? BENCH_ANYWHERE : BENCH_APART;
        int enough = count_place(pairs, best, farthest) >= wanted;
        int tired = pairs->count == BENCH_PAIRS || bench_now_ns() > end;
        if (enough || (tired && pairs->count >= wanted))
            break;
        line = one->cpus < 2 ? 0 : bench_machine_line(context->machine);
    }
    choose(pairs, farthest, wanted);
    return BENCH_DONE;
}
