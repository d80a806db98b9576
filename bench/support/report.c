/* SPDX-License-Identifier: MIT
 * What benchmarks print. */
#include "report.h"

#include "stats.h"

#include <math.h>
#include <string.h>

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

/* "812.3 M" reads better than 812345678.9. */
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
    fprintf(report->table, "%s\n\n%-26s %18s  %-12s %10s  %s\n", report->machine->text, "id", "value", "against", "",
            "ratio or value (min - max)  pairs");
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
        fprintf(out, ",\"line_least_ns\":%.1f,\"line_most_ns\":%.1f,\"pushed\":%ld,", pair->line_least, pair->line_most,
                pair->pushed);
        json_string(out, "place", bench_place_name(pair->place));
        fputs("}\n", out);
    }
    fflush(out);
}

struct summary {
    double ours, against; /* medians */
    double least, most; /* of ours */
    double ratio, ratio_least, ratio_most; /* of pairs: what disturbs both halves cancels out */
};

static void summarize(struct summary *summary, int m, const struct bench_pairs *pairs)
{
    double ours[BENCH_PAIRS], against[BENCH_PAIRS], ratio[BENCH_PAIRS];
    size_t count = 0;
    for (int i = 0; i < pairs->count; i++) {
        const struct bench_pair *pair = &pairs->pair[i];
        if (!pair->used)
            continue;
        ours[count] = pair->value[BENCH_OURS][m];
        against[count] = pair->value[BENCH_AGAINST][m];
        ratio[count] = against[count] == 0 ? 0 : ours[count] / against[count];
        count++;
    }
    memset(summary, 0, sizeof *summary);
    if (count == 0)
        return;
    summary->ours = bench_median(ours, count);
    summary->least = ours[0]; /* sorted by now */
    summary->most = ours[count - 1];
    summary->against = bench_median(against, count);
    summary->ratio = bench_median(ratio, count);
    summary->ratio_least = ratio[0];
    summary->ratio_most = ratio[count - 1];
}

static void write_table(FILE *out, const struct bench_metric *metric, const struct summary *summary,
                        const struct bench_pairs *pairs)
{
    char ours[48], against[48];
    readable(ours, sizeof ours, summary->ours, metric->unit);
    readable(against, sizeof against, summary->against, "");
    if (metric->against != NULL)
        fprintf(out, "%-26s %18s  %-12s %10s  %.3f (%.3f - %.3f)", metric->id, ours, metric->against, against,
                summary->ratio, summary->ratio_least, summary->ratio_most);
    else
        fprintf(out, "%-26s %18s  %-12s %10s  (%.4g - %.4g)", metric->id, ours, "-", "-", summary->least,
                summary->most);
    fprintf(out, "  %d", pairs->used);
    if (pairs->place != BENCH_ANYWHERE)
        fprintf(out, " %s", bench_place_name(pairs->place));
    fputc('\n', out);
    fflush(out);
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
    if (metric->against != NULL) {
        fputc(',', out);
        json_string(out, "against", metric->against);
        json_number(out, "against_value", summary->against);
        fprintf(out, ",\"ratio\":%.4f,\"ratio_min\":%.4f,\"ratio_max\":%.4f", summary->ratio, summary->ratio_least,
                summary->ratio_most);
    }
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
    summarize(&summary, m, pairs);
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
