/* SPDX-License-Identifier: MIT
 * close.pml: the end of a stream, the producer's death, and who comes after.
 *
 * What is claimed:
 *   - "closed" is said to a consumer that has read everything ever published,
 *     and nothing is published after it;
 *   - "died" is said only if a producer was killed, "left" only if none runs,
 *     and both only behind the last event that was published by then;
 *   - nobody sleeps on when the stream ends (SLICE=0: spin's "invalid end state").
 *
 * The producer's stores go through a buffer, in order; its locked instructions,
 * and the kernel when it dies, drain it before anything else happens.
 *
 * Step names are those of the C code:
 *   S1, S1n  stamps, next                   D1  epoch; the producer's seat is free
 *   E1       closed = position + 1, then    D2  stamp and closed looked at again
 *            state = LEFT                   D3  state: LEFT or not
 *   E2       wake all (W + 8), then the     D4  still the same epoch
 *            seat is dropped                L1, L5, L6  the parker
 *   T1..T4   takeover; T3 the epoch, then state = RUNNING
 * Steps: S1 S1n S2..S6 E1 E2 D1..D4 T1..T4 L1 L2 L5 L6 C5
 * Steps not modelled: E1s
 *
 *  V   planted bug                                         what breaks
 *  0   none: the protocol
 *  1   E1 before the last stamp                            end and events do not agree
 *  2   a consumer asks whether `closed` is set, not where  events behind the end
 *  3   E2 wakes without counting                           sleeps for ever
 *  4   E2 before E1                                        sleeps for ever
 *  5   no D2                                               "died" before the last event
 *  6   the successor does not look at `closed`             events behind the end
 *  7   no D4                                               "died", but nobody did
 *  8   the parker does not look at `closed` again (L5)     sleeps for ever
 *  9   the seat is dropped before E1                       "died", but nobody did
 * 10   E2 left out, and the sleep is not bounded           sleeps for ever
 * 11   the sleep is not bounded, and the producer is       sleeps for ever (needs DIE)
 *      killed between E1 and E2
 * 12   a lane begins anew, and `closed` is taken back      an old end behind newer events (LANES)
 *      behind its first stamp
 *
 * LANES    one lane of several: an end is not for good. The successor takes
 *          `closed` back before its first stamp, and a consumer that was told
 *          the end waits on until the word is another
 * SLICE    1: a sleep is bounded, and D1..D4 are asked when it ends
 * NC       consumers
 * NOREREAD no second look at the stamp behind `closed`: passes, as the position
 *          is compared; the code looks all the same
 */
#ifndef V
#define V 0
#endif
#if V==3 || V==4 || V==8 || V==10 || V==11
#define SLICE 0
#endif
#ifndef SLICE
#define SLICE 1
#endif
#ifndef N
#define N 2                  /* events each producer publishes at most */
#endif
#ifndef NC
#define NC 1
#endif
#define MOST (2 * N)

#define STAMP  0
#define NEXT   1
#define CLOSED 2
#define STATE  3

#define RUNNING 1
#define LEFT    2

/* shared memory */
byte pub;                    /* stamps 1..pub stand */
byte next, closed, state, epoch;
#define SLEEP 4
byte W;
bool asleep[NC];
byte seat;                   /* the lock: 0 free, else the holder */

chan buf = [4] of { byte, byte };          /* the producer's store buffer */

/* ghosts */
bool kill, killed;           /* the first producer is to be, was killed */
byte total;                  /* events published, seen or not */
bool first_gone;
bool all_gone;               /* the successor too */

proctype drain() {
  byte k, v;
end: do
  :: atomic { buf ? k, v ->
       if
       :: k == STAMP -> pub = v
       :: k == NEXT -> next = v
       :: k == CLOSED -> closed = v
       :: k == STATE -> state = v
       fi; k = 0; v = 0 }
  od
}

inline wake_sleepers() { asleep[0] = false; asleep[NC - 1] = false }
inline wake_all() {
  atomic {
    empty(buf) ->
#if V!=3
    W = W + 8;
#endif
    wake_sleepers()
  }
}

inline publish() {
  atomic { buf ! STAMP, n + 1; n++; total++ };             /* S1 */
  if
  :: n < most && n < MOST -> atomic { buf ! STAMP, n + 1; n++; total++ }     /* a batch */
  :: true
  fi;
  buf ! NEXT, n;                                           /* S1n */
  /* S2..S6: with a fence, as park.pml says why it may be missing */
  atomic { empty(buf) -> if :: W & SLEEP -> W = W + SLEEP; wake_sleepers() :: else fi }
}

inline close_ring() {
#if V==9
  atomic { empty(buf) -> seat = 0 };
#endif
#if V==4
  wake_all();
#endif
#if V==1
  if
  :: n < most -> buf ! CLOSED, n + 2; publish_one()
  :: else -> buf ! CLOSED, n + 1
  fi;
#else
  buf ! CLOSED, n + 1;                                     /* E1 */
#endif
  buf ! STATE, LEFT;
#if V!=4 && V!=10
  wake_all();                                              /* E2 */
#endif
  skip
}
inline publish_one() { atomic { buf ! STAMP, n + 1; n++; total++ }; buf ! NEXT, n }

inline leave_ring() {
  buf ! STATE, LEFT;
  wake_all()
}

proctype producer() {
  byte n, most = N;
  seat = 1; state = RUNNING;
  {
    do
    :: n < most -> publish()
    :: close_ring(); break
    :: leave_ring(); break
    od
  } unless { atomic { kill -> killed = true } };
  atomic { empty(buf) -> seat = (seat == 1 -> 0 : seat); first_gone = true }   /* dropped by itself, or by the kernel */
}

proctype killer() { if :: kill = true :: true fi }

proctype successor() {
  byte n, most;
end1: atomic { first_gone && seat == 0 -> seat = 2 };
#if V!=6 && !defined(LANES)
  if :: closed != 0 -> seat = 0; goto end :: else fi;      /* C5: a closed session is not taken over */
#endif
  n = next;                                                /* T1 */
  do :: pub >= n + 1 -> n++ :: else -> break od;
  next = n;                                                /* T2 */
  most = n + N;
  epoch++;                                                 /* T3 */
#if defined(LANES) && V!=12
  closed = 0;
#endif
  state = RUNNING;
  wake_all();                                              /* T4 */
#if V==12
  if :: n < most && n < MOST -> publish() :: else fi;
  atomic { empty(buf) -> closed = 0 };
#endif
  do
  :: n < most && n < MOST -> publish()
  :: close_ring(); break
  od;
  atomic { empty(buf) -> seat = (seat == 2 -> 0 : seat); all_gone = true };
end: skip
}

/* there: MORE, END or NOTHING */
#define NOTHING 0
#define MORE    1
#define END     2
inline ready(there) {
  there = NOTHING;
  if
  :: pub > c -> there = MORE
  :: else ->
     x = closed;
#if V==2
     if :: x != 0 -> there = END; end = x :: else fi;
#else
     if
     :: x != 0 && x - 1 <= c ->
#ifndef NOREREAD
        if :: pub > c -> there = MORE :: else -> there = END; end = x fi
#else
        there = END; end = x
#endif
     :: else
     fi;
#endif
     x = 0
  fi
}

proctype consumer(byte id) {
  byte c, x, w, r, asked, e, end; bool over;
more:
  end = 0;
  do
  :: ready(r);
     if
     :: r == MORE -> c++
     :: r == END -> goto ended
     :: r == NOTHING ->
        atomic { if :: !(W & SLEEP) -> W = W | SLEEP :: else fi; w = W };    /* L1; L2 fence */
#if V==8
        if :: pub > c -> r = MORE :: else fi;
#else
        ready(r);                                          /* L5 */
#endif
        if
        :: r != NOTHING -> skip
        :: else ->
           atomic { if :: W == w -> asleep[id] = true :: else fi; w = 0 };   /* L6 */
           if
           :: !asleep[id]
#if SLICE
           :: atomic { asleep[id] -> asleep[id] = false; e = epoch };        /* the slice is over: D1 */
              atomic {
                if :: seat == 0 && first_gone -> asked = total; over = (closed != 0)
                   :: else -> e = 0; goto again
                fi };
#if V!=5
              ready(r);                                    /* D2 */
#endif
              if
              :: r != NOTHING -> skip
              :: else ->
                 x = state;                                /* D3 */
#if V!=7
                 if :: epoch != e -> x = 0 :: else fi;     /* D4 */
#endif
                 if
                 :: x == RUNNING -> assert(killed); assert(c >= asked && !over)      /* "died" */
                 :: x == LEFT -> assert(c >= asked && !over)                         /* "left" */
                 :: else
                 fi;
                 x = 0
              fi;
              asked = 0; over = false; e = 0
#endif
           fi
        fi
     fi;
#if SLICE
again:
#endif
     r = NOTHING
  od;
ended:
#ifdef LANES
  assert(end == c + 1);                                    /* all in front of that end, and nothing behind it */
  atomic { closed != end || all_gone -> skip };            /* told; asked again when the word is another, or at the end */
  if
  :: closed != end -> goto more
  :: else -> assert(c == total)
  fi
#else
  assert(c == total && closed == c + 1);                   /* "closed" */
  (first_gone);
  assert(c == total)
#endif
}

init {
  atomic {
    run drain(); run producer(); run successor();
#ifdef DIE
    run killer();
#endif
    run consumer(0);
#if NC==2
    run consumer(1)
#endif
  }
}
