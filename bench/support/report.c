/* SPDX-License-Identifier: MIT
 * Output of a benchmark program. */
#include "report.h"

#include "stats.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static char notes[2048];

void bench_note(const char *format, ...)
{
    size_t length = strlen(notes);
    va_list list;
    va_start(list, format);
    vsnprintf(notes + length, sizeof notes - length, format, list);
    va_end(list);
    length = strlen(notes);
    snprintf(notes + length, sizeof notes - length, "\n");
}

static void json_string(FILE *out, const char *key, const char *text)
{
    fprintf(out, "\"%s\":\"", key);
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void json_number(FILE *out, const char *key, double value)
{
    fprintf(out, fabs(value) >= 100 ? ",\"%s\":%.1f" : ",\"%s\":%.4g", key, value);
}

/* Formats a value with the prefix k or M. */
static void readable(char *text, size_t bytes, double value, const char *unit)
{
    if (fabs(value) >= 1e6)
        snprintf(text, bytes, "%.1f M %s", value / 1e6, unit);
    else if (fabs(value) >= 1e4)
        snprintf(text, bytes, "%.1f k %s", value / 1e3, unit);
    else
        snprintf(text, bytes, fabs(value) >= 100 ? "%.1f %s" : "%.3g %s", value, unit);
}

void bench_report_begin(const struct bench_report *report)
{
    fprintf(report->table, "%s\n%s\n%-26s %18s  %-12s %10s  %s\n", report->machine->text, notes, "id", "value",
            "against", "", "ratio or value (min - max)  pairs");
    fflush(report->table);
    if (report->raw != NULL) {
        fputc('{', report->raw);
        json_string(report->raw, "machine", report->machine->text);
        fputs("}\n", report->raw);
    }
}

static void write_raw(FILE *out, const struct bench_metric *metric, int m, const struct bench_pairs *pairs)
{
    for (int i = 0; i < pairs->count; i++) {
        const struct bench_pair *pair = &pairs->pair[i];
        fputc('{', out);
        json_string(out, "id", metric->id);
        fprintf(out, ",\"pair\":%d,\"used\":%d,\"value\":%.9g", i, pair->used, pair->value[BENCH_OURS][m]);
        if (metric->against != NULL)
            fprintf(out, ",\"against_value\":%.9g", pair->value[BENCH_AGAINST][m]);
        for (int side = BENCH_RUNNER_UP; side < BENCH_SIDES; side++) {
            if (pairs->rivals.name[side] != NULL)
                fprintf(out, ",\"%s\":%.9g", pairs->rivals.name[side], pair->value[side][m]);
        }
        fprintf(out, ",\"line_least_ns\":%.1f,\"line_most_ns\":%.1f,\"pushed\":%ld,", pair->line_least, pair->line_most,
                pair->preemptions);
        json_string(out, "place", bench_place_name(pair->place));
        fputs("}\n", out);
    }
    fflush(out);
}

struct versus {
    double value; /* median */
    double ratio, least, most; /* ours / value, computed pair by pair, so that common disturbances cancel out */
};

struct summary {
    double ours, least, most;
    const char *against; /* the better baseline; NULL: none */
    struct versus rival, limit;
};

/* Returns the median of a side over the used pairs, and leaves their values in `values`, sorted. */
static double side_median(const struct bench_pairs *pairs, enum bench_side side, int m, double *values)
{
    size_t count = 0;
    for (int i = 0; i < pairs->count; i++) {
        if (pairs->pair[i].used)
            values[count++] = pairs->pair[i].value[side][m];
    }
    return bench_median(values, count);
}

static struct versus compare(const struct bench_pairs *pairs, enum bench_side side, int m)
{
    struct versus versus;
    double values[BENCH_PAIRS];
    size_t count = 0;
    versus.value = side_median(pairs, side, m, values);
    for (int i = 0; i < pairs->count; i++) {
        const struct bench_pair *pair = &pairs->pair[i];
        if (pair->used)
            values[count++] = pair->value[side][m] == 0 ? 0 : pair->value[BENCH_OURS][m] / pair->value[side][m];
    }
    versus.ratio = bench_median(values, count);
    versus.least = values[0]; /* bench_median has sorted them */
    versus.most = values[count - 1];
    return versus;
}

static void summarize(struct summary *summary, int m, const struct bench_metric *metric,
                      const struct bench_pairs *pairs)
{
    double values[BENCH_PAIRS];
    const struct bench_rivals *rivals = &pairs->rivals;
    memset(summary, 0, sizeof *summary);
    if (pairs->used == 0)
        return;
    summary->ours = side_median(pairs, BENCH_OURS, m, values);
    summary->least = values[0];
    summary->most = values[pairs->used - 1];
    if (metric->against != NULL) {
        summary->rival = compare(pairs, BENCH_AGAINST, m);
        summary->against = rivals->trials > 0 ? rivals->name[BENCH_AGAINST] : metric->against;
    }
    if (rivals->name[BENCH_RUNNER_UP] != NULL) {
        struct versus other = compare(pairs, BENCH_RUNNER_UP, m);
        int higher = strcmp(metric->better, "higher") == 0;
        if (higher ? other.value > summary->rival.value : other.value < summary->rival.value) {
            summary->rival = other;
            summary->against = rivals->name[BENCH_RUNNER_UP];
        }
    }
    if (rivals->name[BENCH_LIMIT] != NULL)
        summary->limit = compare(pairs, BENCH_LIMIT, m);
}

static void write_table(FILE *out, const struct bench_metric *metric, const struct summary *summary,
                        const struct bench_pairs *pairs)
{
    char ours[48], text[48];
    const struct bench_rivals *rivals = &pairs->rivals;
    readable(ours, sizeof ours, summary->ours, metric->unit);
    readable(text, sizeof text, summary->rival.value, "");
    if (summary->against != NULL)
        fprintf(out, "%-26s %18s  %-12s %10s  %.3f (%.3f - %.3f)", metric->id, ours, summary->against, text,
                summary->rival.ratio, summary->rival.least, summary->rival.most);
    else
        fprintf(out, "%-26s %18s  %-12s %10s  (%.4g - %.4g)", metric->id, ours, "-", "-", summary->least,
                summary->most);
    if (rivals->name[BENCH_LIMIT] != NULL)
        fprintf(out, "  %s %.3f (%.3f - %.3f)", rivals->name[BENCH_LIMIT], summary->limit.ratio, summary->limit.least,
                summary->limit.most);
    fprintf(out, "  %d", pairs->used);
    if (pairs->place != BENCH_ANYWHERE)
        fprintf(out, " %s", bench_place_name(pairs->place));
    fputc('\n', out);
    if (rivals->way != NULL)
        fprintf(out, "    library: %s\n", rivals->way);
    for (int i = 0; i < rivals->trials; i++) {
        readable(text, sizeof text, rivals->trial[i].value, "");
        fprintf(out, "%s%s %s", i == 0 ? "    short trial: " : ", ", rivals->trial[i].name, text);
    }
    if (rivals->trials > 0)
        fputc('\n', out);
    fflush(out);
}

static void write_versus(FILE *out, const struct summary *summary, const struct bench_rivals *rivals)
{
    if (summary->against != NULL) {
        fputc(',', out);
        json_string(out, "against", summary->against);
        json_number(out, "against_value", summary->rival.value);
        fprintf(out, ",\"ratio\":%.4f,\"ratio_min\":%.4f,\"ratio_max\":%.4f", summary->rival.ratio,
                summary->rival.least, summary->rival.most);
    }
    if (rivals->name[BENCH_LIMIT] != NULL) {
        fputc(',', out);
        json_string(out, "limit", rivals->name[BENCH_LIMIT]);
        json_number(out, "limit_value", summary->limit.value);
        fprintf(out, ",\"limit_ratio\":%.4f,\"limit_ratio_min\":%.4f,\"limit_ratio_max\":%.4f", summary->limit.ratio,
                summary->limit.least, summary->limit.most);
    }
    if (rivals->way != NULL) {
        fputc(',', out);
        json_string(out, "way", rivals->way);
    }
    if (rivals->trials == 0)
        return;
    fputs(",\"first_look\":{", out);
    for (int i = 0; i < rivals->trials; i++)
        fprintf(out, "%s\"%s\":%.1f", i == 0 ? "" : ",", rivals->trial[i].name, rivals->trial[i].value);
    fputc('}', out);
}

static void write_json(const struct bench_report *report, const struct bench_case *one,
                       const struct bench_metric *metric, const struct summary *summary,
                       const struct bench_pairs *pairs)
{
    FILE *out = report->json;
    fputc('{', out);
    json_string(out, "id", metric->id);
    json_number(out, "value", summary->ours);
    fputc(',', out);
    json_string(out, "unit", metric->unit);
    fputc(',', out);
    json_string(out, "better", metric->better);
    write_versus(out, summary, &pairs->rivals);
    fprintf(out, ",\"repeats\":%d,", pairs->used);
    json_string(out, "wait", one->wait);
    if (pairs->place != BENCH_ANYWHERE) {
        fputc(',', out);
        json_string(out, "place", bench_place_name(pairs->place));
        json_number(out, "line_ns", pairs->line);
    }
    fputc(',', out);
    json_string(out, "machine", report->machine->text);
    fputs("}\n", out);
    fflush(out);
}

void bench_report_metric(const struct bench_report *report, const struct bench_case *one, int m,
                         const struct bench_pairs *pairs)
{
    struct summary summary;
    summarize(&summary, m, &one->metric[m], pairs);
    if (report->raw != NULL)
        write_raw(report->raw, &one->metric[m], m, pairs);
    write_table(report->table, &one->metric[m], &summary, pairs);
    if (report->json != NULL)
        write_json(report, one, &one->metric[m], &summary, pairs);
}

void bench_report_none(const struct bench_report *report, const struct bench_metric *metric, const char *what,
                       const char *why)
{
    fprintf(report->table, "%-26s %18s  %s\n", metric->id, what, why);
    fflush(report->table);
    if (report->json == NULL)
        return;
    fputc('{', report->json);
    json_string(report->json, "id", metric->id);
    fputc(',', report->json);
    json_string(report->json, what, why);
    fputc(',', report->json);
    json_string(report->json, "machine", report->machine->text);
    fputs("}\n", report->json);
    fflush(report->json);
}
