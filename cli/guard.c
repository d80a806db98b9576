/* SPDX-License-Identifier: MIT
 * Protects commands that write to a ring without being its participants (rm, evict, role, gc). They map the ring, its
 * owner may truncate it, and the next access then raises SIGBUS. The command, not the library, installs a handler. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <setjmp.h>
#include <signal.h>

static sigjmp_buf escape;

static void on_bus_error(int number)
{
    (void)number;
    siglongjmp(escape, 1);
}

/* The library holds no lock of this process while it accesses a ring. The descriptor, the mapping and the file locks of
 * the abandoned call end with the process. */
int cli_guard(int (*call)(const void *context), const void *context)
{
    struct sigaction before, action = {.sa_flags = 0};
    action.sa_handler = on_bus_error;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, &action, &before) != 0)
        return call(context);
    volatile int rc = CLI_CUT_SHORT;
    if (sigsetjmp(escape, 1) == 0)
        rc = call(context);
    (void)sigaction(SIGBUS, &before, NULL);
    return rc;
}

int cli_guarded_error(int code, const char *name)
{
    if (code != CLI_CUT_SHORT)
        return cli_ring_error(code);
    return cli_fail(CLI_FAILED, "ring \"%s\" was truncated during the call; run the command again", name);
}
