/* SPDX-License-Identifier: MIT
 * park.pml: park and wake on the data word W.
 *
 * Claim: no wake-up is lost. In no order of steps does a consumer sleep for ever
 * while there is an event for it. Spin reports such a deadlock as "invalid end
 * state".
 *
 * Each publisher has a store buffer for one stamp. Its later loads may execute
 * first, and the stamp becomes visible at any later moment. A full fence or a
 * locked instruction waits until the own buffer is empty. membarrier waits until
 * each publisher's buffer was empty once. The pause of L3 has no effect here: a
 * store may stay in the buffer for any time.
 *
 * W: bit 0 FENCE   publishers must fence between the stamp and the load of W
 *    bit 1 EFF     every publisher is known to see FENCE
 *    bit 2 SLEEP   a consumer may be asleep
 *    rest          counter: a CAS fails if W was cleared in between
 *
 * Step names are those of the C code:
 *   S1..S7   publish       L1..L7   lazy parker       P1..P8   biased parker
 * Steps: S1..S7 S5b L1..L7 P1 P4..P8
 * Steps not built: P2 P3
 *
 * MODE 0  lazy (data word of rings with one producer)
 * MODE 1  biased (an alternative to lazy, measured and not built)
 * MODE 2  fence (room word; several producers): SLEEP only; steps P1, P4..P8
 *
 *  V   planted bug; each of them loses a wake-up
 *  0   none: the protocol
 *  1   lazy: the first sleep is not bounded although EFF is not set; biased: the
 *      parker relies on FENCE without EFF
 *  2   EFF is set without a call of membarrier
 *  3   S5: W is not loaded again after the fence
 *  4   S5: no fence although FENCE is set
 *  5   no S2: the compiler loads W before S1
 *  6   S7 clears the bits by a load and a store
 *  7   S7 clears W by an exchange with 0
 *  8   S7 clears the bits without EFF, and does not count
 *  9   a sleeper clears SLEEP after its timeout (needs TOUT)
 * 10   the futex compares with a W loaded after the last check
 * 11   EFF is set by OR, not by CAS from the value loaded before membarrier
 * 12   EFF is set before membarrier has completed
 * 13   S5b although there are two publishers (needs NP=2)
 * 14   the successor of a dead publisher does not wake (needs DIE)
 * 15   add and wake are two steps, and the successor does not wake (needs DIE)
 * 16   the publisher is not registered and does not fence (MODE 1)
 * 17   S7 clears FENCE but leaves EFF
 * 18   the parker does not check again after it has set SLEEP
 *
 * NS sleepers; NP publishers with N publishes each. S7 is a process of its own:
 * it may clear the bits NU times, at any moment. That includes every interval
 * that the code could use.
 * DIE     publisher 0 may be killed between any two steps; a successor follows
 * TOUT=n  each sleeper may wake up n times without a wake
 * NOCONF  no S5b: only membarrier leads to EFF
 * NOMB    no membarrier in the parker: lazy without L4
 * UNREG   the publisher is not registered: it fences at every publish
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

byte stamp[NP];              /* the stamps as visible to other processes */
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

/* ok = CAS of W from w to `to`; then w is the value of W, as in C. */
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
  :: (w & 7) == 0 -> skip                                       /* S4: no bit set, done */
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

proctype successor() {                  /* takeover: roll forward, wake, publish */
  byte n, w, i; bool ok; byte p = 0;
ends: atomic { gone && !buf[0] -> n = stamp[0] };
#if V!=14 && V!=15
  atomic { W = W + ONE; wake_all() };   /* unconditional */
#endif
  do :: n < N -> publish() :: else -> break od
}
#endif

/* S7: clears FENCE and EFF with one CAS from the loaded value. */
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

/* Lazy mode bounds a sleep without EFF: it may end at any moment. */
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
     if :: !(w & SLEEP) -> cas(w | SLEEP);                      /* P4: the only bit of this mode */
                           if :: !ok -> goto again :: else fi
        :: else
     fi;
     /* P5 full fence */
#endif
#if V==18
     if :: false -> skip
#else
     if :: !EMPTY -> skip                                       /* L5, P6: does not change W */
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
              skip                                              /* L7, P8: check again, clear no bit */
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
