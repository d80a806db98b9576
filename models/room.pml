/* SPDX-License-Identifier: MIT
 * room.pml: the producer waits for room, and consumers wake it.
 *
 * Claim: the producer does not sleep for ever while there is room for its
 * request. With SLICE=0 the sleep is unbounded and a lost wake-up is a deadlock,
 * which spin reports as "invalid end state". With SLICE=1, the protocol, the
 * sleep may end at any moment, so a lost wake-up causes only a delay. That the
 * producer finishes is then checked with LIVE, under weak fairness.
 *
 * Consumers do not fence at a release: they store the cursor [rel], then load
 * the room word. Each consumer has a store buffer for its cursor: `cur` is the
 * stored value, `mem` the visible one. `mem` follows at any later moment, value
 * by value. A full fence or a locked instruction sets it to `cur`.
 *
 * Step names are those of the C code:
 *   G    gate check (join.pml has its steps)
 *   need the cursor that the producer waits for, at most `next`
 *   P4   the parker sets SLEEP by CAS
 *   P5   full fence
 *   P6   gate check again
 *   P7   sleep; bounded with SLICE=1
 *   P8   gate check; no room: P4
 *   R1   store the cursor [rel]; compiler fence; load the room word. SLEEP set
 *        is a hint
 *   R2   after a hint, every FQ events, and before every wait: full fence, load
 *        the room word again
 *   R3   SLEEP set, and the cursor passed `need` since the last R2: wake
 * Steps: P4..P8 R1..R3 V3
 * Steps not modelled: R1n
 * Leave (V3) and resume wake unconditionally (W + 8).
 *
 *  V   planted bug; in each case the producer sleeps for ever
 *      (1 to 10 with SLICE=0)
 *  0   none: the protocol
 *  1   no R2 before the consumer waits
 *  2   R3 compares `need` with the last release only, not with the last R2
 *  3   leave does not wake
 *  4   P6 before P4 (as without the fence P5)
 *  5   need is stored after P6
 *  6   P7 compares with a word loaded after P6
 *  7   need may be larger than next (with SLACK)
 *  8   a resumed consumer does not wake (needs DIE)
 *  9   R3 acts on a hint without the fence of R2, and counts that as an R2
 * 10   no P6
 * 11   the sleep is not bounded, and a consumer is killed between R1 and R2
 *      (needs FORGET)
 *
 * The store of need and P4 may be swapped: both precede P5 and P6.
 *
 * SLICE   1: P7 is bounded (5 ms in the code); 0: it is not. The unbounded sleep
 *         passes, too: every consumer performs R2 before it waits, unless it is
 *         killed first and does not come back (V=11). V=1 passes with SLICE=1:
 *         the bound is enough for correctness, R2 avoids the delay.
 * SLACK   room requested in addition to the room needed, for fewer wake-ups
 * DIE     consumer 1 may be killed after any step; it resumes at its cursor
 * FORGET  consumer 1 may be killed as soon as the producer could finish without
 *         it, and does not come back
 * LIVE    check that the producer finishes, under weak fairness
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
byte cur[NC], mem[NC];       /* cursors: as stored, as visible to others */
bool left[NC], finished;

/* the store buffers */
proctype drain() {
end: do
  :: atomic { mem[0] < cur[0] -> mem[0]++ }
  :: atomic { mem[1] < cur[1] -> mem[1]++ }
  od
}
#define FENCE(k) mem[k] = cur[k]

/* Gate check: entry by entry; loads each cursor once. */
inline scan() {
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
     scan();                                               /* G */
     if :: next + n <= m + CAP -> goto room :: else fi;
#if V!=5
     set_need();
#endif
     do
     ::
#if V==4
        scan();
        if :: next + n <= m + CAP -> goto room :: else fi;
#endif
        atomic { W = W | SLEEP; w = W };                   /* P4 */
        /* P5 full fence: pairs with R2 */
#if V!=4 && V!=10
        scan();                                            /* P6: does not change W */
        if :: next + n <= m + CAP -> goto room :: else fi;
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
        :: atomic { asleep -> asleep = false }             /* the bounded sleep ends */
#endif
        fi;
        scan();                                            /* P8 */
        if :: next + n <= m + CAP -> goto room :: else fi
     od;
room:
     atomic { next = next + n; m = 0; n = 0; w = 0 }
  od
}

inline wake_op(k) { atomic { FENCE(k); W = W + SLEEP; asleep = false } }
inline wake_all(k) { atomic { FENCE(k); W = W + 8; asleep = false } }

/* R2, R3: `checked` is the cursor at the last R2. */
inline check_room(k) {
  atomic { FENCE(k); since = 0 };
  w = W;                                                   /* R2 */
  if
#if V==2
  :: (w & SLEEP) && old < need && need <= cur[k] -> wake_op(k)
#else
  :: (w & SLEEP) && checked < need && need <= cur[k] -> wake_op(k)   /* R3 */
#endif
  :: else
  fi;
  atomic { checked = cur[k]; w = 0 }
}
#if V==1
#define BEFORE_WAIT(k) skip
#else
#define BEFORE_WAIT(k) check_room(k)
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
     :: (w & SLEEP) && checked < need && need <= cur[k] -> wake_op(k)
     :: else
     fi;
     checked = cur[k];
     if :: since >= FQ -> check_room(k) :: else fi;
#else
     if :: (w & SLEEP) || since >= FQ -> check_room(k) :: else fi;
#endif
     w = 0
  :: cur[k] < N && next == cur[k] -> BEFORE_WAIT(k);       /* finds no event, waits */
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
  byte w, old, checked, since;
#ifdef DIE
  { consume(k) } unless { atomic { k == 1 && killed -> FENCE(k); w = 0; since = 0; old = 0; checked = 0 } };
  if :: k == 1 && killed ->
        /* Resume at the cursor. The position of the last R2 is lost. */
        atomic { checked = cur[k]; old = cur[k] };
#if V!=8
        wake_all(k);
#endif
        consume(k)
     :: else
  fi
#elif defined(FORGET)
  { consume(k) } unless { atomic { k == 1 && killed -> FENCE(k); w = 0; since = 0; old = 0; checked = 0 } }
#else
  consume(k)
#endif
}
#ifdef DIE
proctype killer() { if :: killed = true :: true fi }
#endif
#ifdef FORGET
/* Kills consumer 1 only when its cursor gates no event that is still to come. */
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
