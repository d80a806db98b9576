/* SPDX-License-Identifier: MIT
 * Repeats a case. */
#include "repeat.h"

#include "clock.h"
#include "participant.h"
#include "stats.h"

#include <string.h>

static const uint64_t budget_ns = 40000000000u, budget_quick_ns = 500000000u;

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

/* Measures each side once. The first side changes with every pair, so that a drift of the machine affects all sides
 * equally. */
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
        long before = bench_preemptions();
        enum bench_outcome outcome = one->measure(one, context, side, pair->value[side]);
        pair->preemptions += bench_preemptions() - before;
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

/* Classifies a pair by its line times. If the machine has both placements, their line times differ by a factor of about
 * three. `longest` is the longest line time measured so far. */
static enum bench_place place_of(const struct bench_pair *pair, double longest)
{
    double border = 0.6 * longest;
    if (pair->line_most == 0)
        return BENCH_ANYWHERE;
    if (pair->line_least >= border)
        return BENCH_APART;
    return pair->line_most < border ? BENCH_TOGETHER : BENCH_MOVED;
}

static int count_place(struct bench_pairs *pairs, enum bench_place place, double longest)
{
    int count = 0;
    for (int i = 0; i < pairs->count; i++) {
        pairs->pair[i].place = place_of(&pairs->pair[i], longest);
        count += pairs->pair[i].place == place;
    }
    return count;
}

/* Marks the used pairs: those of the first placement that has enough pairs. Only if no placement has enough are pairs
 * of all placements used: a pair whose placement changed compares two different machines. */
static void choose(struct bench_pairs *pairs, double longest, int wanted)
{
    static const enum bench_place order[] = {BENCH_ANYWHERE, BENCH_APART, BENCH_TOGETHER};
    int enough = wanted < 3 ? wanted : 3;
    pairs->place = BENCH_MOVED;
    for (int i = 0; i < 3 && pairs->place == BENCH_MOVED; i++) {
        if (count_place(pairs, order[i], longest) >= enough)
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
    static double longest;
    if (longest == 0)
        longest = context->machine->line_most;
    int wanted = one->repeats ? one->repeats : 9;
    if (context->quick)
        wanted = one->repeats_quick ? one->repeats_quick : 3;
    uint64_t end = bench_now_ns() + (context->quick ? budget_quick_ns : budget_ns);
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
        longest = pair->line_most > longest ? pair->line_most : longest;
        enum bench_place best = one->cpus < 2 ? BENCH_ANYWHERE : BENCH_APART;
        int enough = count_place(pairs, best, longest) >= wanted;
        int exhausted = pairs->count == BENCH_PAIRS || bench_now_ns() > end;
        if (enough || (exhausted && pairs->count >= wanted))
            break;
        line = one->cpus < 2 ? 0 : bench_machine_line(context->machine);
    }
    choose(pairs, longest, wanted);
    return BENCH_DONE;
}
