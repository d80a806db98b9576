/* SPDX-License-Identifier: MIT
 * room.pml: the producer waits for room, consumers wake it.
 *
 * What is claimed: while there is room for what the producer asked for, it does
 * not sleep for ever. With SLICE=0 a lost wake-up is a deadlock, which spin
 * reports as "invalid end state". With SLICE=1 (the protocol) the sleep can end
 * at any moment, so nothing is lost for ever: the model checks that the producer
 * finishes (LIVE, weak fairness).
 *
 * Consumers do not fence when they release: cursor [rel], then a plain load of
 * the room word. Each consumer has a store buffer for its cursor: `cur` is what
 * it stored, `mem` what others see; `mem` follows at any later moment, value by
 * value. A full fence or a locked instruction brings it up to date.
 *
 * Step names are those of the C code:
 *   G    the gate look (join.pml has its steps)
 *   need the cursor that the producer waits for, at most `next`
 *   P4   the parker sets SLEEP by CAS      R1  cursor [rel]; compiler fence; load of
 *   P5   full fence                            the word: SLEEP seen is a hint
 *   P6   gate look again                   R2  on a hint, every FQ events, and always
 *   P7   sleep, at most a slice                before it waits: full fence, load again
 *   P8   gate look; again from P4          R3  SLEEP, and need was crossed since the
 *                                              last R2: wake op
 * Steps: P4..P8 R1..R3 V3
 * Steps not modelled: R1n
 * Leave (V3) and resume wake without asking (W + 8).
 *
 *  V   planted bug (1 to 10 with SLICE=0)                 what breaks
 *  0   none: the protocol
 *  1   no R2 before the consumer waits                    sleeps for ever
 *  2   R3 asks only whether the last release crossed need sleeps for ever
 *  3   leave does not wake                                sleeps for ever
 *  4   P6 before P4 (as without the fence P5)             sleeps for ever
 *  5   need is stored behind P6                           sleeps for ever
 *  6   P7 compares a word loaded behind P6                sleeps for ever
 *  7   need may lie beyond next (slack makes it larger)   sleeps for ever
 *  8   a restarted consumer does not wake                 sleeps for ever (needs DIE)
 *  9   a hint is trusted without R2's fence, and counts   sleeps for ever
 *      as R2
 * 10   no P6                                              sleeps for ever
 * 11   the sleep is not bounded, and a consumer is        sleeps for ever (needs FORGET)
 *      killed between R1 and R2
 *
 * need and P4 may change places; what counts is that both come before P5, P6.
 *
 * SLICE   1: P7 is bounded (5 ms in the code), 0: it is not. Unbounded passes
 *         too, as every consumer comes to R2 before it waits, unless one is
 *         killed before that and stays away (V=11). And with SLICE=1 V=1 passes:
 *         the slice alone loses nothing, R2 is what makes it prompt.
 * SLACK   asked for beyond what is needed, so as to be woken less often
 * DIE     consumer 1 may be killed after any step; it comes back at its cursor
 * FORGET  consumer 1 may be killed once the producer could finish without it,
 *         and does not come back
 * LIVE    check "the producer finishes" under weak fairness
 */
#ifndef V
#define V 0
#endif
#if V==11
#define SLICE 0
#endif
#ifndef SLICE
#define SLICE 1
#endif
#ifndef N
#define N 4                  /* events to publish */
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef FQ
#define FQ 2                 /* events between two R2 on the hot path: capacity/4 in the code */
#endif
#ifndef SLACK
#define SLACK 0
#endif
#define NC 2

#define SLEEP 4
byte W, need, next;
bool asleep;                 /* the producer is inside futex_wait */
byte cur[NC], mem[NC];       /* cursors: as stored, as seen */
bool left[NC], finished;

/* the store buffers */
proctype drain() {
end: do
  :: atomic { mem[0] < cur[0] -> mem[0]++ }
  :: atomic { mem[1] < cur[1] -> mem[1]++ }
  od
}
#define FENCE(k) mem[k] = cur[k]

/* Gate look: entry by entry, each cursor loaded once. */
inline look() {
  m = 255;
  if :: !left[0] -> m = mem[0] :: else fi;
  atomic { x = mem[1]; if :: !left[1] && x < m -> m = x :: else fi; x = 0;
           if :: m == 255 -> m = next :: else fi }
}
inline set_need() {
  atomic {
    need = next + n + SLACK - CAP;
#if V!=7
    if :: need > next -> need = next :: else fi
#endif
  }
}

proctype prod() {
  byte m, w, x, n;
  do
  :: next == N -> finished = true; break
  :: next < N ->
     if :: n = 1 :: next + CAP <= N -> n = CAP fi;         /* one event, or a full ring */
     look();                                               /* G */
     if :: next + n <= m + CAP -> goto there :: else fi;
#if V!=5
     set_need();
#endif
     do
     ::
#if V==4
        look();
        if :: next + n <= m + CAP -> goto there :: else fi;
#endif
        atomic { W = W | SLEEP; w = W };                   /* P4 */
        /* P5 full fence: pairs with R2 */
#if V!=4 && V!=10
        look();                                            /* P6: leave W alone */
        if :: next + n <= m + CAP -> goto there :: else fi;
#endif
#if V==5
        set_need();
#endif
#if V==6
        w = W;
#endif
        atomic { if :: W == w -> asleep = true :: else fi; w = 0; m = 0 };        /* P7 */
        if
        :: !asleep
#if SLICE
        :: atomic { asleep -> asleep = false }             /* the slice is over */
#endif
        fi;
        look();                                            /* P8 */
        if :: next + n <= m + CAP -> goto there :: else fi
     od;
there:
     atomic { next = next + n; m = 0; n = 0; w = 0 }
  od
}

inline wake_op(k) { atomic { FENCE(k); W = W + SLEEP; asleep = false } }
inline wake_all(k) { atomic { FENCE(k); W = W + 8; asleep = false } }

/* R2, R3: `told` is the cursor at the last R2 */
inline tell(k) {
  atomic { FENCE(k); since = 0 };
  w = W;                                                   /* R2 */
  if
#if V==2
  :: (w & SLEEP) && old < need && need <= cur[k] -> wake_op(k)
#else
  :: (w & SLEEP) && told < need && need <= cur[k] -> wake_op(k)    /* R3 */
#endif
  :: else
  fi;
  atomic { told = cur[k]; w = 0 }
}
#if V==1
#define BEFORE_WAIT(k) skip
#else
#define BEFORE_WAIT(k) tell(k)
#endif

inline consume(k) {
  do
  :: cur[k] == N -> BEFORE_WAIT(k); break
  :: cur[k] < N && next > cur[k] ->
     atomic {
       old = cur[k];
       if
       :: cur[k]++; since++
       :: cur[k] + 1 < next -> cur[k] = cur[k] + 2; since = since + 2
       fi
     };                                                    /* R1 */
     w = W;
#if V==9
     if
     :: (w & SLEEP) && told < need && need <= cur[k] -> wake_op(k)
     :: else
     fi;
     told = cur[k];
     if :: since >= FQ -> tell(k) :: else fi;
#else
     if :: (w & SLEEP) || since >= FQ -> tell(k) :: else fi;
#endif
     w = 0
  :: cur[k] < N && next == cur[k] -> BEFORE_WAIT(k);       /* finds nothing, waits */
     (next > cur[k])
#ifndef DIE
  :: k == 1 && cur[k] == 1 ->                              /* leaves */
     atomic { FENCE(k); left[1] = true };
#if V!=3
     wake_all(k);                                          /* V3 */
#endif
     break
#endif
  od
}

bool killed;
proctype cons(byte k) {
  byte w, old, told, since;
#ifdef DIE
  { consume(k) } unless { atomic { k == 1 && killed -> FENCE(k); w = 0; since = 0; old = 0; told = 0 } };
  if :: k == 1 && killed ->
        /* resume: goes on at its cursor; knows nothing of what was told */
        atomic { told = cur[k]; old = cur[k] };
#if V!=8
        wake_all(k);
#endif
        consume(k)
     :: else
  fi
#elif defined(FORGET)
  { consume(k) } unless { atomic { k == 1 && killed -> FENCE(k); w = 0; since = 0; old = 0; told = 0 } }
#else
  consume(k)
#endif
}
#ifdef DIE
proctype killer() { if :: killed = true :: true fi }
#endif
#ifdef FORGET
/* from here on it does not gate what is still to come: the producer could finish */
proctype killer() { end: if :: atomic { cur[1] + CAP >= N -> killed = true } fi }
#endif

init {
  atomic {
    run drain(); run prod(); run cons(0); run cons(1);
#if defined(DIE) || defined(FORGET)
    run killer()
#endif
  }
}
#ifdef LIVE
ltl finishes { <> finished }
#endif
