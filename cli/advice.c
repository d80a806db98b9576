/* SPDX-License-Identifier: MIT
 * What the user of a command can do about a failed call of the library.
 *
 * A sentence of the library states what failed and why, and then advises a program: "close this handle". Where that
 * does not help the user of a command, a row below replaces it. The check lint.advice requires a row for each sentence
 * that names handles, calls or options of the library. */
#include "advice.h"

#include "base/error.h"

#include <string.h>

#define RUN_AGAIN  "run the command again"
#define REPORT_IT  "this is a bug in the command: please report it"
#define SMALLER    "a smaller --ring (cp: --capacity)"
#define SAME_SHAPE "or leave it out, or remove the ring with 'myelon rm'"

/* The first row whose code matches and whose text is part of the sentence's format is used. A format has no names of
 * rings or consumers, which may contain any words. advice NULL: keep the library's advice. */
static const struct {
    int code;
    const char *text;
    const char *advice;
} rows[] = {
    {MYL_ETIMEDOUT, "the runner of consumer", REPORT_IT},
    {MYL_ETIMEDOUT, "was not registered and alive within", "start it"},
    {MYL_EINTERRUPTED, "", RUN_AGAIN},
    {MYL_EABORTED, "", "what follows it is read"},
    {MYL_ECONSUMERDEAD, "", "start it again with its id, or remove its entry with 'myelon evict'"},
    {MYL_ESTALLED, "", "'myelon why' shows more"},
    {MYL_EPRODUCERLEFT, "", "start another one"},
    {MYL_ESUPERSEDED, "", RUN_AGAIN},
    {MYL_EEVICTED, "", RUN_AGAIN},
    {MYL_ELOCKLOST, "", RUN_AGAIN},
    {MYL_EFORKED, "", REPORT_IT},
    {MYL_EOPTIONS, "", REPORT_IT},
    {MYL_EHANDLER, "", REPORT_IT},
    {MYL_ELEASED, "", REPORT_IT},
    {MYL_ENOTCLAIMED, "", REPORT_IT},
    {MYL_EBUFFER, "", REPORT_IT},
    {MYL_EINVAL, "cannot wait for", "lower --wait, or remove the ring with 'myelon rm' and create it again"},
    {MYL_EINVAL, "cannot reserve", "reserve fewer, or remove the ring with 'myelon rm' and create it again"},
    {MYL_EINVAL, "the new ring would have one lane", "give --lanes, the number of its producers"},
    {MYL_EINVAL, "max_message", "give another --max or --ring"},
    {MYL_ENAME, "has a slash", "leave it out, or give a path with --file"},
    {MYL_EID, "both the id", REPORT_IT},
    {MYL_ETYPE, "without a schema", NULL},
    {MYL_ETYPE, "", "give --type as the other side does, or leave it out"},
    {MYL_ESHAPE, "carries", "this command is for rings of messages"},
    {MYL_ESHAPE, "is for one producer, lane", "leave --lane out"},
    {MYL_ESHAPE, "exists with ring_bytes", "give the same --ring (cp: --capacity), " SAME_SHAPE},
    {MYL_ESHAPE, "exists with max_", "give the same --max (cp: --chunk), " SAME_SHAPE},
    {MYL_ESHAPE, "exists with lanes", "give the same --lanes, " SAME_SHAPE},
    {MYL_ESHAPE, "consumer entries", "give --wait that number or at most 64, or remove the ring with 'myelon rm'"},
    {MYL_ESHAPE, "", "remove the ring with 'myelon rm', or choose another name"},
    {MYL_ETOOBIG, "", "create the ring for longer ones, with 'myelon pub --max' and --ring"},
    {MYL_ECAPACITY, "ring_bytes", "give another --ring (cp: --capacity)"},
    {MYL_ENOSPACE, "this machine has", "give " SMALLER ", or end other programs"},
    {MYL_ENOSPACE, "memory group", "give " SMALLER ", or raise the group's limit (a container: --memory)"},
    {MYL_ENOSPACE, "KiB free; lower", "give " SMALLER ", or make room (a container: raise --shm-size)"},
    {MYL_ENOSPACE, "needs a file of", "raise its limit (ulimit -f), or give " SMALLER},
    {MYL_EEVENTSIZE, "max_frame", "give another --ring (cp: --chunk)"},
    {MYL_ENOTFOUND, "to take over", REPORT_IT},
    {MYL_ENOTFOUND, "start its producer first", "check the name ('myelon ls' lists the rings in shared memory)"},
    {MYL_EEXISTS, "", "choose another name, or remove the ring with 'myelon rm'"},
    {MYL_EINUSE, "cannot be notified", NULL},
    {MYL_EINUSE, "consumer \"", NULL},
    {MYL_EINUSE, "", "stop them, or remove the ring under them with 'myelon rm --force'"},
    {MYL_ENOTDRAINED, "", "start that consumer again, or remove its entry with 'myelon evict'"},
    {MYL_ESTARTUP, "", "start the rest, or raise --timeout"},
    {MYL_ETABLEFULL, "", "remove dead ones with 'myelon evict', or stop a live one"},
    {MYL_ELANES, "", "stop one ('myelon inspect' lists them), or create the ring with more --lanes"},
    {MYL_EOWNER, "", "run the command as that user"},
    {MYL_ENOMEM, "", "end other programs, or raise the limit (ulimit -v)"},
};

/* Returns the advice for a sentence with this format. NULL: keep the library's. */
static const char *advice_for(int code, const char *format)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].code == code && strstr(format, rows[i].text) != NULL)
            return rows[i].advice;
    }
    return NULL;
}

void advice_sentence(int code, const char *advice, char *text, size_t size)
{
    size_t facts = 0;
    /* MYL_EAGAIN does not set the detail: that belongs to an earlier call. */
    const char *format = code == MYL_EAGAIN ? "" : myl_error_format(&facts);
    const char *sentence = *format != '\0' ? myl_error_detail() : myl_strerror(code);
    facts = *format != '\0' ? facts : strlen(sentence);
    advice = advice != NULL ? advice : advice_for(code, format);
    if (advice == NULL)
        snprintf(text, size, "%s", sentence);
    else
        snprintf(text, size, "%.*s; %s", (int)facts, sentence, advice);
}
