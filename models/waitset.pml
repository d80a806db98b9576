/* SPDX-License-Identifier: MIT
 * waitset.pml: one parker on several words (a wait set), lazy mode.
 *
 * Claim: no wake-up is lost. The parker does not sleep for ever while one of its
 * rings has an event for it. Spin reports such a deadlock as "invalid end state".
 *
 * There are two rings with a word and a publisher each. Words, store buffers and
 * steps are those of park.pml. The parker announces its sleep in both words, runs
 * one fence, checks both rings, and sleeps while both words are as announced. A
 * second parker sleeps on the word of ring 0 alone: it sets and uses the same bits.
 *
 * Steps: S1..S6 S5b L1..L7
 *
 *  V   planted bug; each of them loses a wake-up
 *  0   none: the protocol
 *  1   only the first word is announced
 *  2   only the first ring is checked after the announcement
 *  3   the sleep compares only the first word
 *  4   the check comes before the announcement of the second word
 *  5   a sleep is not bounded although a word has no EFF
 *
 * N publishes each. NS parkers besides the set: 0 or 1.
 */
#ifndef V
#define V 0
#endif
#ifndef N
#define N 2
#endif
#ifndef NS
#define NS 1
#endif

#define FENCE 1
#define EFF   2
#define SLEEP 4

byte stamp[2];               /* as visible to other processes */
byte sb[2]; bool buf[2];     /* the store buffers */
byte W[2];
bool asleep[2];              /* 0: the set, on both words; 1: the other parker, on word 0 */

proctype drain(byte p) {
  end: do :: atomic { buf[p] -> stamp[p] = sb[p]; buf[p] = false } od
}

inline own_fence() { atomic { !buf[p] } }
inline membarrier() { atomic { !buf[0] }; atomic { !buf[1] } }
inline cas(r, w, to) { atomic { ok = (W[r] == w); if :: ok -> W[r] = to :: else fi; w = W[r] } }

proctype publisher(byte p) {
  byte n, w; bool ok;
  do
  :: n == N -> break
  :: n < N ->
     atomic { !buf[p] -> sb[p] = n + 1; buf[p] = true; n++ };   /* S1 */
     w = W[p];                                                   /* S2, S3 */
     if
     :: (w & 7) == 0 -> skip                                     /* S4 */
     :: else ->
        if :: w & FENCE -> own_fence(); w = W[p] :: else fi;     /* S5 */
        if :: (w & FENCE) && !(w & EFF) -> cas(p, w, w | EFF) :: else fi;  /* S5b */
        if :: w & SLEEP ->                                       /* S6 */
              atomic { !buf[p]; W[p] = W[p] + SLEEP; asleep[0] = false;
                       if :: p == 0 -> asleep[1] = false :: else fi }
           :: else
        fi
     fi;
     w = 0; ok = false
  od
}

/* L1 in word r: v is its value to sleep on. */
inline announce(r, v) {
  do
  :: v = W[r];
     if :: (v & FENCE) && (v & SLEEP) -> break
        :: else -> cas(r, v, v | FENCE | SLEEP); if :: ok -> break :: else fi
     fi
  od
}

#define EMPTY0 (stamp[0] == c0)
#define EMPTY1 (stamp[1] == c1)

proctype set() {
  byte c0, c1, v0, v1; bool ok, late;
  do
  :: c0 == N && c1 == N -> break
  :: !(c0 == N && c1 == N) && !(EMPTY0 && EMPTY1) -> atomic { c0 = stamp[0]; c1 = stamp[1]; late = false }
  :: !(c0 == N && c1 == N) && EMPTY0 && EMPTY1 ->
again:
     announce(0, v0);                                            /* L1 */
#if V==1
     v1 = W[1];
#elif V==4
     if :: !(EMPTY0 && EMPTY1) -> goto next :: else fi;
     announce(1, v1);
#else
     announce(1, v1);
#endif
     /* L2 one fence; L3 2 us of pauses if a word has no EFF */
     if :: late && (!(v0 & EFF) || !(v1 & EFF)) ->               /* L4 */
           membarrier();
           if :: !(v0 & EFF) -> cas(0, v0, v0 | EFF | SLEEP); if :: !ok -> goto again :: else fi
              :: else
           fi;
           if :: !(v1 & EFF) -> cas(1, v1, v1 | EFF | SLEEP); if :: !ok -> goto again :: else fi
              :: else
           fi;
           skip
        :: else
     fi;
     if                                                          /* L5 */
#if V==2
     :: !EMPTY0 -> skip
#elif V!=4
     :: !(EMPTY0 && EMPTY1) -> skip
#endif
     :: else ->
        atomic {                                                 /* L6: futex_waitv */
          if
#if V==3
          :: W[0] == v0 -> asleep[0] = true
#else
          :: W[0] == v0 && W[1] == v1 -> asleep[0] = true
#endif
          :: else
          fi
        };
        if
        :: !asleep[0]
#if V!=5
        :: atomic { asleep[0] && (!(v0 & EFF) || !(v1 & EFF)) -> asleep[0] = false; late = true }
#endif
        fi                                                       /* L7: check again */
     fi;
next: v0 = 0; v1 = 0; ok = false
  od
}

proctype sleeper() {
  byte c0, v0; bool ok, late;
  do
  :: c0 == N -> break
  :: c0 < N && !EMPTY0 -> atomic { c0 = stamp[0]; late = false }
  :: c0 < N && EMPTY0 ->
again:
     announce(0, v0);
     if :: late && !(v0 & EFF) ->
           membarrier();
           cas(0, v0, v0 | EFF | SLEEP); if :: !ok -> goto again :: else fi
        :: else
     fi;
     if
     :: !EMPTY0 -> skip
     :: else ->
        atomic { if :: W[0] == v0 -> asleep[1] = true :: else fi };
        if
        :: !asleep[1]
        :: atomic { asleep[1] && !(v0 & EFF) -> asleep[1] = false; late = true }
        fi
     fi;
     v0 = 0; ok = false
  od
}

init {
  atomic {
    run set();
    run drain(0); run publisher(0);
    run drain(1); run publisher(1);
#if NS>0
    run sleeper()
#endif
  }
}
