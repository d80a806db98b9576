/* SPDX-License-Identifier: MIT
 * mp_cell.pml: several producers, one ring. The claim lives in the cell.
 *
 * What is claimed: everything that was published (M5) is consumed, once, whole,
 * in the order of its producer; nothing else is; and the ring stands still for
 * one reason only: a live owner halted between M3 and M5.
 *
 * One producer may be killed after any step and one may stop there for ever
 * (alive, its lock held). The filler is eager: it skips whatever it may.
 *
 * Step names are those of the C code: M1..M6, "fill", "reuse" (a new producer
 * under a dead one's owner index), "close" (a bit in tail).
 * Steps: M1..M6
 *
 *  V   planted bug                                        what breaks
 *  0   none: the protocol
 *  1   no M3: a ticket is taken for ownership              event on a skipped cell lost
 *  2   M3 takes the cell whatever is in it                 event on a skipped cell lost
 *  3   fill skips a live owner's claim                     owner's cell taken from it
 *  4   fill stores SKIP instead of comparing               published event destroyed
 *  5   M1 has no limit                                     unread event overwritten
 *  6   reuse without first skipping the dead one's claims  ring stands still (needs REUSE)
 *  7   closed_at beside tail, not a bit in it              event after the end (needs CLOSE)
 *  8   M2 is a load and a store: tail goes back            ring stands still
 */
#ifndef V
#define V 0
#endif
#define CAP 2
#define NP 2
#ifndef CNT
#define CNT 2                /* events of each producer */
#endif
#ifndef MAXT
#define MAXT 5               /* tickets in all */
#endif

#define NEVER   0            /* the stamp word's state */
#define CLAIMED 1
#define PUB     2
#define SKIP    3
byte state[CAP], lap[CAP], owner[CAP];   /* the stamp word: always changed as one */
byte val[CAP];               /* the event */
byte tail, cur;
bool closed;                 /* the bit in tail */
byte closed_at = 255;        /* V=7 */

bool dead[NP], paused[NP], fin[NP];      /* dead: its lock is free */
byte published[NP], got[NP]; /* ghosts */
bool reborn;
bool halted;                /* ghost: the consumer has reached an end */

#define CELL(t) ((t) % CAP)
#define LAP(t)  ((t) / CAP + 1)
#define OWNED(t) (state[CELL(t)] == CLAIMED && lap[CELL(t)] == LAP(t) && owner[CELL(t)] == id)

#define STOP if :: true \
                :: !dead[1 - id] && !reborn -> dead[id] = true; goto end \
                :: !paused[1 - id] -> paused[id] = true; goto end fi

proctype producer(byte id; bool second) {
  byte t, i; bool ok;
  if
  :: second ->                                           /* reuse: the dead one's lock is free */
endwait: atomic { dead[id] -> dead[id] = false; reborn = true };
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
     (t < cur + CAP || tail != t || closed || halted);  /* its own limit, or full */
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
     if :: !ok -> goto again :: else fi;                 /* filled: nothing written, a new ticket */
     STOP;
#endif
     val[CELL(t)] = 0;                                   /* M4, in two halves */
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
#define OVER(p) (fin[p] || paused[p] || (dead[p] && (p == 1 || reborn)))
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
  :: lap[CELL(c)] > LAP(c) -> assert(false)              /* lapped: an unread cell was reused */
  :: lap[CELL(c)] < LAP(c) && tail > c ->                /* fill: a ticket nobody claimed the cell for */
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
     halted = true; break                               /* the one legal stop */
#if V==7
  :: c >= closed_at ->
#else
  :: closed && c == tail ->                              /* drained and filled up to closed_at */
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
