/* SPDX-License-Identifier: MIT
 * Switches stacks. On x86-64 and aarch64 by a few lines of assembly: nearly every simulated memory access switches, and
 * swapcontext makes two system calls. Other machines use swapcontext. */
#define _GNU_SOURCE
#include "coro.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

/* Pushes the callee-saved registers on the old stack and pops them from the new one. */
__asm__(".text\n"
        ".globl sim_coro_swap\n"
        ".type sim_coro_swap, @function\n"
        "sim_coro_swap:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size sim_coro_swap, .-sim_coro_swap\n"
        /* The first switch "returns" here, with entry in r12 and its argument in r13. */
        ".globl sim_coro_first\n"
        ".type sim_coro_first, @function\n"
        "sim_coro_first:\n"
        "    movq %r13, %rdi\n"
        "    xorl %ebp, %ebp\n"
        "    call *%r12\n"
        "    ud2\n"
        ".size sim_coro_first, .-sim_coro_first\n");

#define SAVED_WORDS 7
enum { AT_ENTRY = 3, AT_ARGUMENT = 2, AT_RETURN = 6 };

#elif defined(__aarch64__)

__asm__(".text\n"
        ".globl sim_coro_swap\n"
        ".type sim_coro_swap, %function\n"
        "sim_coro_swap:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".globl sim_coro_first\n"
        ".type sim_coro_first, %function\n"
        "sim_coro_first:\n"
        "    mov x0, x20\n"
        "    mov x29, xzr\n"
        "    blr x19\n"
        "    brk #0\n");

#define SAVED_WORDS 20
enum { AT_ENTRY = 0, AT_ARGUMENT = 1, AT_RETURN = 11 };

#endif

#if defined(__x86_64__) || defined(__aarch64__)

void sim_coro_swap(void **save, void *to);
void sim_coro_first(void);

void sim_coro_prepare(struct sim_coro *coro, void *stack, size_t bytes, void (*entry)(void *), void *argument)
{
    uintptr_t top = ((uintptr_t)stack + bytes) & ~(uintptr_t)15;
    uint64_t *saved = (uint64_t *)top - SAVED_WORDS; /* sim_coro_first starts with an aligned, empty stack */
    memset(saved, 0, SAVED_WORDS * sizeof *saved);
    saved[AT_ENTRY] = (uint64_t)(uintptr_t)entry;
    saved[AT_ARGUMENT] = (uint64_t)(uintptr_t)argument;
    saved[AT_RETURN] = (uint64_t)(uintptr_t)sim_coro_first;
    coro->context = saved;
}

void sim_coro_switch(struct sim_coro *from, const struct sim_coro *to)
{
    sim_coro_swap(&from->context, to->context);
}

#else

#include <stdlib.h>
#include <ucontext.h>

static void (*first_entry)(void *);
static void *first_argument;

static void first(void)
{
    first_entry(first_argument);
}

/* The argument of a prepared context: makecontext cannot pass pointers portably. */
struct started {
    ucontext_t context;
    void (*entry)(void *);
    void *argument;
    int fresh;
};

static struct started *started_of(struct sim_coro *coro)
{
    if (coro->context == NULL)
        coro->context = calloc(1, sizeof(struct started));
    if (coro->context == NULL)
        abort();
    return coro->context;
}

void sim_coro_prepare(struct sim_coro *coro, void *stack, size_t bytes, void (*entry)(void *), void *argument)
{
    struct started *s = started_of(coro);
    (void)getcontext(&s->context);
    s->context.uc_stack.ss_sp = stack;
    s->context.uc_stack.ss_size = bytes;
    s->context.uc_link = NULL;
    s->entry = entry;
    s->argument = argument;
    s->fresh = 1;
    makecontext(&s->context, first, 0);
}

void sim_coro_switch(struct sim_coro *from, const struct sim_coro *to)
{
    struct started *target = to->context;
    if (target->fresh) {
        target->fresh = 0;
        first_entry = target->entry;
        first_argument = target->argument;
    }
    (void)swapcontext(&started_of(from)->context, &target->context);
}

#endif
