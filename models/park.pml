/* SPDX-License-Identifier: MIT
 * park.pml: parking on the data word W, and being woken.
 *
 * What is claimed: no wake-up is lost. Whatever the order of steps, a consumer
 * never sleeps for ever while there is something for it (spin reports such an
 * end as "invalid end state": a deadlock).
 *
 * Each publisher has a store buffer of one stamp: its loads pass it, and it is
 * drained at any later moment. A full fence or a locked instruction waits for
 * its own buffer to be empty; membarrier waits for an instant, publisher by
 * publisher, at which theirs is. The pauses of L3 do nothing here: a store may
 * stay in the buffer for any time.
 *
 * W: bit 0 FENCE   publishers must fence between stamp and W
 *    bit 1 EFF     every publisher is known to see FENCE
 *    bit 2 SLEEP   somebody may sleep
 *    rest          a counter, so that a CAS notices that W was cleared between
 *
 * Step names are those of the C code:
 *   S1..S7   publish       L1..L7   lazy parker       P1..P8   biased parker
 * Steps: S1..S7 S5b L1..L7 P1 P4..P8
 * Steps not built: P2 P3
 *
 * MODE 0  lazy (the data side of single-producer rings)
 * MODE 1  biased (what lazy was measured against; not built)
 * MODE 2  fence (room side, several producers): SLEEP only; steps P1, P4..P8
 *
 *  V   planted bug                                        what breaks
 *  0   none: the protocol
 *  1   the first sleep of lazy is not bounded though       wake-up lost
 *      EFF is not set; biased: FENCE is trusted without EFF
 *  2   EFF set without calling membarrier                  wake-up lost (lazy: NOCONF)
 *  3   S5: W is not loaded again after the fence           wake-up lost
 *  4   S5: FENCE seen, but no fence                        wake-up lost
 *  5   S2 missing: the compiler loads W before S1          wake-up lost
 *  6   S7 un-biases by load and store                      wake-up lost
 *  7   S7 un-biases by a swap to 0                         wake-up lost
 *  8   S7 un-biases without EFF and without counting       wake-up lost
 *  9   a sleeper whose time is up clears SLEEP             wake-up lost (needs TOUT)
 * 10   the futex compares a W read after the re-check      wake-up lost
 * 11   EFF set by OR, not by CAS from the value read       wake-up lost
 *      before membarrier
 * 12   EFF set before membarrier is complete               wake-up lost
 * 13   S5b although there are two publishers               wake-up lost (needs NP=2)
 * 14   the successor of a dead publisher does not wake     wake-up lost (needs DIE)
 * 15   add and wake are two steps, and the successor does  wake-up lost (needs DIE)
 *      not wake
 * 16   the publisher neither is registered nor fences      wake-up lost (MODE 1)
 * 17   S7 clears FENCE but leaves EFF                      wake-up lost
 * 18   the parker does not re-check after setting SLEEP    wake-up lost
 *
 * NS sleepers, NP publishers, N publishes each; S7 is a process of its own that
 * may un-bias at any moment, NU times: that is every K at once, and more.
 * DIE     publisher 0 may be killed between any two steps; a successor follows
 * TOUT=n  each sleeper may also wake up n times for no reason
 * NOCONF  no S5b: EFF comes from membarrier alone
 * NOMB    membarrier is missing: lazy without L4
 * UNREG   the publisher could not register: it fences at every publish
 */
#ifndef V
#define V 0
#endif
#ifndef MODE
#define MODE 0
#endif
#ifndef NS
#define NS 2
#endif
#ifndef NP
#define NP 1
#endif
#ifndef N
#define N 2
#endif
#ifndef NU
#define NU 2
#endif
#ifndef TOUT
#define TOUT 0
#endif
#define LAZY   (MODE == 0)
#define BIASED (MODE == 1)
#define FMODE  (MODE == 2)

#define FENCE 1
#define EFF   2
#define SLEEP 4
#define ONE   8

byte stamp[NP];              /* what everybody sees */
byte sb[NP]; bool buf[NP];  /* the store buffers */
byte W;
bool asleep[NS];             /* inside futex_wait */
bool gone, killed;

proctype drain(byte p) {
  end: do :: atomic { buf[p] -> stamp[p] = sb[p]; buf[p] = false } od
}

inline wake_all() { for (i : 0 .. NS - 1) { asleep[i] = false }; i = 0 }
inline own_fence() { atomic { !buf[p] } }
inline membarrier() { atomic { !buf[0] }; atomic { !buf[NP - 1] } }

/* ok = CAS(W, w -> to); w = the new value either way, as in C */
inline cas(to) { atomic { ok = (W == w); if :: ok -> W = to :: else fi; w = W } }

inline publish() {
#if V==5
  w = W;
#endif
  atomic { !buf[p] -> sb[p] = n + 1; buf[p] = true; n++ };    /* S1 */
#if (MODE==2 || defined(UNREG)) && V!=4 && V!=16
  own_fence();                                                  /* always */
#endif
#if V!=5
  w = W;                                                        /* S2 (order), S3 */
#endif
  if
  :: (w & 7) == 0 -> skip                                       /* S4: the busy case */
  :: else ->
#if MODE!=2
     if :: w & FENCE ->                                         /* S5 */
#if V!=4 && V!=16
           own_fence();
#if V!=3
           w = W;
#endif
#endif
#if MODE==0 && !defined(NOCONF) && (NP==1 || V==13)
           if :: (w & FENCE) && !(w & EFF) -> cas(w | EFF) :: else fi;   /* S5b */
#endif
           skip
        :: else
     fi;
#endif
     if :: w & SLEEP ->                                         /* S6: the wake op */
#if V==15
           W = W + SLEEP; atomic { wake_all() }
#else
           atomic { !buf[p]; W = W + SLEEP; wake_all() }       /* FUTEX_WAKE_OP, ADD 4 */
#endif
        :: else
     fi
  fi;
  w = 0; ok = false
}

proctype publisher(byte p) {
  byte n, w, i; bool ok;
  { do :: n < N -> publish() :: else -> break od }
#ifdef DIE
  unless { atomic { p == 0 && killed -> gone = true } };
  if :: p == 0 && !gone -> endp: atomic { killed -> gone = true } :: else fi
#endif
}

#ifdef DIE
proctype killer() { if :: killed = true :: killed = true fi }

proctype successor() {                  /* takeover: roll forward, wake, go on */
  byte n, w, i; bool ok; byte p = 0;
ends: atomic { gone && !buf[0] -> n = stamp[0] };
#if V!=14 && V!=15
  atomic { W = W + ONE; wake_all() };   /* unconditional */
#endif
  do :: n < N -> publish() :: else -> break od
}
#endif

/* S7: FENCE and EFF are taken back together, by CAS from the value loaded */
#if V==8
#define UNBIAS_OK ((W & FENCE) && !(W & SLEEP))
#elif V==7
#define UNBIAS_OK ((W & FENCE) && (W & EFF))
#else
#define UNBIAS_OK ((W & FENCE) && (W & EFF) && !(W & SLEEP))
#endif
proctype unbias() {
  byte k, w; bool ok;
endu: do
  :: atomic { k < NU && UNBIAS_OK -> w = W; k++ };
#if V==6
     W = (w & ~3) + ONE;
#elif V==7
     W = 0;
#elif V==8
     cas(w & ~3);
#elif V==17
     cas((w & ~FENCE) + ONE);
#else
     cas((w & ~3) + ONE);
#endif
     w = 0; ok = false
  od
}

#define EMPTY (stamp[0] == c0 && (NP == 1 || stamp[NP - 1] == c1))
#define DONE  (c0 == N && (NP == 1 || c1 == N))

/* A sleep without EFF is bounded in lazy mode: it may end at any moment. */
#if MODE==0 && V!=1
#define BOUNDED (!(w & EFF))
#else
#define BOUNDED false
#endif

proctype sleeper(byte id) {
  byte c0, c1, w, touts; bool ok, late;
  do
  :: DONE -> break
  :: !DONE && !EMPTY -> atomic { c0 = stamp[0]; c1 = stamp[NP - 1]; late = false }
  :: !DONE && EMPTY ->
again:
     w = W;                                                     /* L1, P1 */
#if MODE==0
     if :: (w & FENCE) && (w & SLEEP) -> skip
        :: else -> cas(w | FENCE | SLEEP);
                   if :: !ok -> goto again :: else fi
     fi;
     /* L2 full fence; L3 2 us of pauses if not EFF */
#ifndef NOMB
     if :: !(w & EFF) && late ->                                /* L4 */
#if V==12
           cas(w | EFF | SLEEP);
           membarrier();
#elif V==2
           cas(w | EFF | SLEEP);
#elif V==11
           membarrier();
           atomic { W = W | EFF | SLEEP; w = W; ok = true };
#else
           membarrier();
           cas(w | EFF | SLEEP);
#endif
           if :: !ok -> goto again :: else fi
        :: else
     fi;
#endif
#elif MODE==1
     if :: w & FENCE -> skip
        :: else -> cas(w | FENCE);                              /* P2 */
                   if :: !ok -> goto again :: else fi
     fi;
#if V!=1
     if :: !(w & EFF) ->                                        /* P3 */
#if V==12
           cas(w | EFF | SLEEP);
           membarrier();
#elif V==2 || V==16
           cas(w | EFF | SLEEP);
#elif V==11
           membarrier();
           atomic { W = W | EFF | SLEEP; w = W; ok = true };
#else
           membarrier();
           cas(w | EFF | SLEEP);
#endif
           if :: !ok -> goto again :: else fi
        :: else
     fi;
#endif
     if :: !(w & SLEEP) -> cas(w | SLEEP);                      /* P4 */
                           if :: !ok -> goto again :: else fi
        :: else
     fi;
     /* P5 full fence */
#else
     if :: !(w & SLEEP) -> cas(w | SLEEP);                      /* P4: SLEEP is all */
                           if :: !ok -> goto again :: else fi
        :: else
     fi;
     /* P5 full fence */
#endif
#if V==18
     if :: false -> skip
#else
     if :: !EMPTY -> skip                                       /* L5, P6: leave W alone */
#endif
        :: else ->
#if V==10
           w = W; if :: !(w & SLEEP) -> goto next :: else fi;
#endif
           atomic { if :: W == w -> asleep[id] = true :: else fi };      /* L6, P7 futex_wait */
           if
           :: !asleep[id]
           :: atomic { asleep[id] && BOUNDED -> asleep[id] = false; late = true }
           :: atomic { asleep[id] && touts < TOUT -> touts++; asleep[id] = false };
#if V==9
              if :: W & SLEEP -> W = W & ~SLEEP :: else fi
#else
              skip                                              /* L7, P8: look again, never clear a bit */
#endif
           fi
     fi;
next: w = 0; ok = false
  od
}

init {
  byte i;
  atomic {
    for (i : 0 .. NS - 1) { run sleeper(i) };
    for (i : 0 .. NP - 1) { run drain(i); run publisher(i) };
#if MODE!=2
    run unbias();
#endif
#ifdef DIE
    run killer(); run successor();
#endif
    i = 0
  }
}
