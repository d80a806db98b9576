/* SPDX-License-Identifier: MIT
 * close.pml: end of stream, death of the producer, and takeover.
 *
 * Claims:
 *   - "closed" is reported after the last event, and no event follows it.
 *   - "died" is reported only if a producer was killed, "left" only if no
 *     producer runs. Both are reported after the last event published by then.
 *   - No consumer sleeps on after the end of the stream (with SLICE=0 spin
 *     reports "invalid end state").
 *
 * The producer's stores pass through a FIFO store buffer. Its locked
 * instructions wait until the buffer is empty, and so does its death.
 *
 * Step names are those of the C code:
 *   S1, S1n  store the stamp, store next
 *   E1       closed = position + 1; then state = LEFT
 *   E2       wake all (W + 8); then release the producer lock
 *   D1       load epoch; the producer lock is free
 *   D2       check stamp and closed again
 *   D3       load state: LEFT or not
 *   D4       epoch is unchanged
 *   L1, L5, L6  the parker
 *   T1..T4   takeover; T3: epoch + 1, then state = RUNNING
 * Steps: S1 S1n S2..S6 E1 E2 D1..D4 T1..T4 L1 L2 L5 L6 C5
 * Steps not modelled: E1s E1d
 *
 *  V   planted bug                                         what it causes
 *  0   none: the protocol
 *  1   E1 before the last stamp                            wrong position of the end
 *  2   a consumer does not compare the position in closed  events after the end
 *  3   E2 wakes without counting                           sleeps for ever
 *  4   E2 before E1                                        sleeps for ever
 *  5   no D2                                               "died" before the last event
 *  6   the successor does not check `closed`               events after the end
 *  7   no D4                                               "died" without a death
 *  8   the parker does not check `closed` again (L5)       sleeps for ever
 *  9   the lock is released before E1                      "died" without a death
 * 10   no E2, and the sleep is not bounded                 sleeps for ever
 * 11   the sleep is not bounded, and the producer is       sleeps for ever (needs DIE)
 *      killed between E1 and E2
 * 12   a lane begins again, and `closed` is cleared        old end after new events
 *      after its first stamp                               (needs LANES)
 *
 * LANES    one lane of several: an end is not final. The successor clears
 *          `closed` before its first stamp. A consumer that has reported the end
 *          waits until `closed` has another value.
 * SLICE    1: a sleep is bounded, and D1..D4 follow it
 * NC       number of consumers
 * NOREREAD the stamp is not loaded again after `closed`. Passes, because the
 *          position is compared; the code loads it nevertheless.
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
#define N 2                  /* maximum number of events per producer */
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
byte pub;                    /* stamps 1..pub are visible */
byte next, closed, state, epoch;
#define SLEEP 4
byte W;
bool asleep[NC];
byte lock;                   /* producer lock: 0 free, else the holder */

chan buf = [4] of { byte, byte };          /* the producer's store buffer */

/* Auxiliary variables of the checks. */
bool kill, killed;           /* the first producer shall be killed; was killed */
byte total;                  /* published events, visible or not */
bool first_ended;            /* the first producer has ended */
bool all_ended;              /* the successor has ended, too */

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
  /* S2..S6, always with a fence; park.pml covers publishes without it */
  atomic { empty(buf) -> if :: W & SLEEP -> W = W + SLEEP; wake_sleepers() :: else fi }
}

inline close_ring() {
#if V==9
  atomic { empty(buf) -> lock = 0 };
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
  lock = 1; state = RUNNING;
  {
    do
    :: n < most -> publish()
    :: close_ring(); break
    :: leave_ring(); break
    od
  } unless { atomic { kill -> killed = true } };
  atomic { empty(buf) -> lock = (lock == 1 -> 0 : lock); first_ended = true }  /* by itself, or by the kernel */
}

proctype killer() { if :: kill = true :: true fi }

proctype successor() {
  byte n, most;
end1: atomic { first_ended && lock == 0 -> lock = 2 };
#if V!=6 && !defined(LANES)
  if :: closed != 0 -> lock = 0; goto end :: else fi;      /* C5: a closed session is not taken over */
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
  atomic { empty(buf) -> lock = (lock == 2 -> 0 : lock); all_ended = true };
end: skip
}

/* Sets `result` to MORE, END or NOTHING. */
#define NOTHING 0
#define MORE    1
#define END     2
inline ready(result) {
  result = NOTHING;
  if
  :: pub > c -> result = MORE
  :: else ->
     x = closed;
#if V==2
     if :: x != 0 -> result = END; end = x :: else fi;
#else
     if
     :: x != 0 && x - 1 <= c ->
#ifndef NOREREAD
        if :: pub > c -> result = MORE :: else -> result = END; end = x fi
#else
        result = END; end = x
#endif
     :: else
     fi;
#endif
     x = 0
  fi
}

proctype consumer(byte id) {
  byte c, x, w, r, total_before, e, end; bool was_closed;
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
           :: atomic { asleep[id] -> asleep[id] = false; e = epoch };        /* the bounded sleep ends: D1 */
              atomic {
                if :: lock == 0 && first_ended -> total_before = total; was_closed = (closed != 0)
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
                 :: x == RUNNING -> assert(killed); assert(c >= total_before && !was_closed)   /* "died" */
                 :: x == LEFT -> assert(c >= total_before && !was_closed)            /* "left" */
                 :: else
                 fi;
                 x = 0
              fi;
              total_before = 0; was_closed = false; e = 0
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
  assert(end == c + 1);                                    /* all events before that end were read, and no other */
  atomic { closed != end || all_ended -> skip };           /* reported; waits for another `closed`, or for the end */
  if
  :: closed != end -> goto more
  :: else -> assert(c == total)
  fi
#else
  assert(c == total && closed == c + 1);                   /* "closed" */
  (first_ended);
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
