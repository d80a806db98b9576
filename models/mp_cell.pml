/* SPDX-License-Identifier: MIT
 * mp_cell.pml: several producers on one ring. The claim is stored in the cell.
 *
 * Claim: every event published by M5 is consumed exactly once, complete, and in
 * the order of its producer. No other event is consumed. The ring stops making
 * progress only if a live owner has stopped between M3 and M5.
 *
 * One producer may be killed after any step, and one may stop there for ever
 * (alive, its lock held). The consumer fills every cell that it may fill.
 *
 * Steps of Protocol 8: M1..M6. "fill": replace a claim by SKIP. "reuse": a new
 * producer takes the owner index of a dead one. "close": sets a bit in tail.
 * Steps: M1..M6
 *
 *  V   planted bug                                        what it causes
 *  0   none: the protocol
 *  1   no M3: a ticket is used as ownership               event in a skipped cell lost
 *  2   M3 claims the cell without comparing               event in a skipped cell lost
 *  3   fill skips the claim of a live owner               owner loses its cell
 *  4   fill stores SKIP without comparing                 published event destroyed
 *  5   M1 does not wait for room                          unread event overwritten
 *  6   reuse does not skip the predecessor's claims       no progress (needs REUSE)
 *  7   closed_at is a word of its own, not a bit of tail  event after the end (needs CLOSE)
 *  8   M2 is a load and a store: tail may decrease        no progress
 */
#ifndef V
#define V 0
#endif
#define CAP 2
#define NP 2
#ifndef CNT
#define CNT 2                /* events per producer */
#endif
#ifndef MAXT
#define MAXT 5               /* number of tickets */
#endif

#define NEVER   0            /* states of the stamp word */
#define CLAIMED 1
#define PUB     2
#define SKIP    3
byte state[CAP], lap[CAP], owner[CAP];   /* the stamp word: one atomic word */
byte val[CAP];               /* the event */
byte tail, cur;
bool closed;                 /* a bit of tail */
byte closed_at = 255;        /* V=7 */

bool dead[NP], paused[NP], fin[NP];      /* dead: its lock is free */
byte published[NP], got[NP]; /* auxiliary counters of the checks */
bool reused;                 /* the dead producer's index is in use again */
bool halted;                 /* auxiliary: the consumer has ended */

#define CELL(t) ((t) % CAP)
#define LAP(t)  ((t) / CAP + 1)
#define OWNED(t) (state[CELL(t)] == CLAIMED && lap[CELL(t)] == LAP(t) && owner[CELL(t)] == id)

#define STOP if :: true \
                :: !dead[1 - id] && !reused -> dead[id] = true; goto end \
                :: !paused[1 - id] -> paused[id] = true; goto end fi

proctype producer(byte id; bool second) {
  byte t, i; bool ok;
  if
  :: second ->                                           /* reuse: the predecessor's lock is free */
endwait: atomic { dead[id] -> dead[id] = false; reused = true };
#if V!=6
     do
     :: i < CAP ->
        atomic { if :: state[i] == CLAIMED && owner[i] == id -> state[i] = SKIP :: else fi; i++ }
     :: else -> i = 0; break
     od
#endif
  :: else
  fi;
  do
  :: published[id] < CNT && !closed ->
     t = tail;                                           /* M1 */
     if :: t >= MAXT -> break :: else fi;
#if V!=5
     (t < cur + CAP || tail != t || closed || halted);  /* waits for room, or until t is outdated */
     if :: tail == t && halted -> break :: else fi;
#endif
#if V==8
     if :: tail != t || closed -> goto again :: else fi;
     tail = t + 1;
#else
     atomic { ok = (tail == t && !closed); if :: ok -> tail = t + 1 :: else fi };     /* M2 */
     if :: !ok -> goto again :: else fi;
#endif
     STOP;
#if V!=1
     atomic {                                            /* M3 */
#if V==2
       ok = true;
#else
       ok = (lap[CELL(t)] < LAP(t));
#endif
       if :: ok -> state[CELL(t)] = CLAIMED; lap[CELL(t)] = LAP(t); owner[CELL(t)] = id
          :: else
       fi
     };
     if :: !ok -> goto again :: else fi;                 /* the cell was filled: take a new ticket */
     STOP;
#endif
     val[CELL(t)] = 0;                                   /* M4, in two stores */
     assert(V == 1 || OWNED(t));
     val[CELL(t)] = 10 * (id + 1) + published[id] + 1;
     STOP;
     assert(V == 1 || OWNED(t));
     if
     :: atomic { state[CELL(t)] = PUB; lap[CELL(t)] = LAP(t); owner[CELL(t)] = id; published[id]++ }   /* M5 */
     :: t + CNT < MAXT -> state[CELL(t)] = SKIP          /* M6 abort */
     fi;
again: ok = false; t = 0
  :: else -> break
  od;
  fin[id] = true;
end: skip
}

#define HERE(c) (lap[CELL(c)] == LAP(c))
#ifdef REUSE
#define OVER(p) (fin[p] || paused[p] || (dead[p] && (p == 1 || reused)))
#else
#define OVER(p) (fin[p] || paused[p] || dead[p])
#endif

proctype consumer() {
  byte c, o;
  do
  :: HERE(c) && state[CELL(c)] == PUB ->
     atomic {
       o = owner[CELL(c)];
       assert(val[CELL(c)] == 10 * (o + 1) + got[o] + 1);
       got[o]++; o = 0; c++
     };
     cur = c
  :: HERE(c) && state[CELL(c)] == SKIP -> c++; cur = c
  :: lap[CELL(c)] > LAP(c) -> assert(false)              /* an unread cell was overwritten */
  :: lap[CELL(c)] < LAP(c) && tail > c ->                /* fill: a ticket without a claim */
#if V==4
     state[CELL(c)] = SKIP; lap[CELL(c)] = LAP(c)
#else
     atomic { if :: lap[CELL(c)] < LAP(c) -> lap[CELL(c)] = LAP(c); state[CELL(c)] = SKIP :: else fi }
#endif
#if V==3
  :: HERE(c) && state[CELL(c)] == CLAIMED ->
#else
  :: HERE(c) && state[CELL(c)] == CLAIMED && dead[owner[CELL(c)]] ->    /* fill: the owner's lock is free */
#endif
     atomic { if :: HERE(c) && state[CELL(c)] == CLAIMED -> state[CELL(c)] = SKIP :: else fi }
  :: HERE(c) && state[CELL(c)] == CLAIMED && paused[owner[CELL(c)]] ->
     halted = true; break                               /* the only permitted lack of progress */
#if V==7
  :: c >= closed_at ->
#else
  :: closed && c == tail ->                              /* all cells before the end are consumed */
#endif
     halted = true;
     (OVER(0) && OVER(1));
     assert(got[0] == published[0] && got[1] == published[1]);
     break
  :: OVER(0) && OVER(1) && c == tail ->
     assert(got[0] == published[0] && got[1] == published[1]);
     break
  od
}

#ifdef CLOSE
proctype closer() {
#if V==7
  closed_at = tail
#else
  closed = true
#endif
}
#endif

init {
  atomic {
    run producer(0, false); run producer(1, false); run consumer();
#ifdef REUSE
    run producer(0, true);
#endif
#ifdef CLOSE
    run closer()
#endif
  }
}
