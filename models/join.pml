/* SPDX-License-Identifier: MIT
 * join.pml: joining consumers against the producer's gate, takeover, free run.
 *
 * What is claimed: a consumer that was told "you start at p" sees every
 * sequence from p on; no producer, old or new, ever overwrites a cell that a
 * gating consumer has not released.
 *
 * Step names are those of the C code:
 *   G1..G7   the gate look: the producer's cold path before it raises its limit
 *   J1..J8   the join; J2r the resume of an entry that never stopped gating
 *   V1..V3   the leave
 *   T1, T2   the takeover
 * Steps: G1..G7 J1..J8 J2r V1..V3 T1 T2
 * Steps not modelled: G3r J9
 *
 * Steps are interleaved one by one, in program order. The two full fences (G5,
 * J6) are not statements here: they are what makes program order true. V=7 and
 * V=8 take them away by swapping the two accesses around them.
 *
 *  V   planted bug                                      what breaks
 *  0   none: the protocol
 *  1   gate := minimum, may go back; limit := gate      overwrite (assert in put)
 *  2   gate monotone, but limit := gate                 overwrite
 *  3   a takeover starts from limit := gate             overwrite (needs TAKEOVER)
 *  4   the version is not looked at again (no G6)        overwrite
 *  5   dead JOINING entries are never reaped            never done (needs LIVE)
 *  6   the scan loads a cursor twice                    overwrite
 *  7   no full fence at G5                              overwrite
 *  8   no full fence at J6                              overwrite
 *  9   J7 left out: the joiner trusts its first p       overwrite
 * 10   free run raises its limit without announcing it  overwrite (needs FREERUN)
 * 11   JOINING entries do not gate                      overwrite
 * 12   J5 before J4: version raised, then JOINING       overwrite
 * 13   resume goes on at its cursor, though it was      overwrite (needs RESUME)
 *      reaped meanwhile (state not checked again)
 *
 * FREERUN   no founding consumer: the producer grants itself room
 * BLOCK     with FREERUN: nobody there means waiting, not running free
 * TAKEOVER  the first producer may be killed between any two steps; a second
 *           one takes the seat
 * RESUME    a consumer that died while gating comes back under its id, where it
 *           stopped (J2r) or at another start (J3..J8 on an entry that gates)
 * TWO       two joiners
 * LIVE      check "the producers get done" instead, under weak fairness
 */
#ifndef V
#define V 0
#endif
#ifndef CAP
#define CAP 2                /* cells */
#endif
#ifndef N
#define N 4                  /* sequences to publish */
#endif
#ifndef CHUNK
#define CHUNK 1              /* what free run grants beyond what it needs */
#endif
#define NC 3                 /* table entries: 0 founder, 1 and 2 joiners */

#define FREE    0
#define JOINING 1
#define ACTIVE  2
#define LEFT    3
#define GATES(x) (st[x] == JOINING || st[x] == ACTIVE)

/* shared memory */
byte cell[CAP];              /* the stamp: s + 1 */
byte cur[NC], st[NC];        /* the registration table */
byte version, gate, next;

/* locks: the kernel drops them when their owner dies */
byte seat;                   /* producer seat: 1 = held */
byte reg;                    /* registrar: 0 free, else owner + 1 */
bool dead[NC];               /* the entry's lock is free, its owner is gone */

/* ghosts */
bool told[NC];               /* was told its position, has not left */
bool done, killed;

/* Publish n. The claim of the whole model is the assert: nobody who was told
 * a position still needs the cell that is overwritten now. */
inline put() {
  atomic {
    assert(!told[0] || n < cur[0] + CAP);
    assert(!told[1] || n < cur[1] + CAP);
    assert(!told[2] || n < cur[2] + CAP);
    cell[n % CAP] = n + 1
  };
  next = n + 1;              /* stored after the stamp */
  n++
}

/* G2: minimum over JOINING and ACTIVE, entry by entry */
inline scan() {
  m = 255; i = 0;
  do
  :: i < NC ->
#if V==11
     if :: st[i] == ACTIVE ->
#else
     if :: GATES(i) ->
#endif
#if V==6
           if :: cur[i] < m -> m = cur[i] :: else fi
#else
           atomic { c = cur[i]; if :: c < m -> m = c :: else fi; c = 0 }
#endif
        :: else
     fi;
     i++
  :: else -> i = 0; break
  od
}

inline produce() {
  n = next;                                        /* T1: roll forward */
  do :: cell[n % CAP] == n + 1 -> n++ :: else -> break od;
  next = n;                                        /* T2 */
  lim = 0;                                         /* no limit known yet */
#if V==3
  lim = gate;
#endif
  do
  :: n < N && n < lim + CAP -> put()
  :: n < N && n >= lim + CAP ->
again:
     v = version;                                  /* G1 */
     scan();                                       /* G2 */
     if :: m == 255 ->                             /* section 4: grant itself */
           m = (n + 1 + CHUNK > CAP -> n + 1 + CHUNK - CAP : 0);
           m = (m > n -> n : m);
#ifdef BLOCK
           m = 0;                                  /* no more than joiners were promised */
#endif
           m = (gate > m -> gate : m);             /* announced already; checked by G6 like any other */
#if V==10
           lim = (m > lim -> m : lim); goto looked
#endif
        :: else
     fi;
#if V==1
     gate = m;
     if :: version != v -> goto again :: else fi;
     lim = gate;
#elif V==2
     if :: m > gate -> gate = m :: else fi;
     if :: version != v -> goto again :: else fi;
     lim = gate;
#elif V==4
     if :: m > gate -> gate = m :: else fi;
     lim = m;
#elif V==7
     if :: version != v -> goto again :: else fi;  /* G6 before G4 */
     if :: m > gate -> gate = m :: else fi;
     lim = (m > lim -> m : lim);
#else
     if :: m > lim ->                              /* G3: else no room */
           if :: m > gate -> gate = m :: else fi;  /* G4: tentative, monotone */
           /* G5: full fence, pairs with J6 */
           if :: version != v -> goto again :: else fi;   /* G6 */
           lim = m                                 /* G7: private */
        :: else
     fi;
#endif
#if V!=5
     /* No room: reap dead JOINING entries. The registrar lock and the entry's
      * lock are both free, or this is not done. */
     do
     :: i < NC ->
        if :: atomic { st[i] == JOINING && dead[i] && reg == 0 -> st[i] = FREE }
           :: else
        fi;
        i++
     :: else -> i = 0; break
     od;
#endif
     /* A policy or an operator reaps dead ACTIVE entries, told or not. */
     do
     :: i < NC ->
        if :: atomic { st[i] == ACTIVE && dead[i] && reg == 0 -> st[i] = FREE; told[i] = false }
           :: else
        fi;
        i++
     :: else -> i = 0; break
     od;
looked: skip
  :: n == N -> done = true; break
  od;
  seat = 0
}

proctype producer() {
  byte lim, m, v, i, n, c;
  atomic { seat == 0 -> seat = 1 };
#ifdef TAKEOVER
  { produce() } unless { atomic { killed -> seat = 0 } }
#else
  produce()
#endif
}
#ifdef TAKEOVER
proctype successor() {
  byte lim, m, v, i, n, c;
endwait: atomic { killed && seat == 0 -> seat = 1 };
  produce()
}
proctype killer() { end: if :: seat == 1 -> killed = true fi }
#endif

/* A joiner may be killed after any step; the kernel frees its locks then. */
#define MAYDIE if :: true :: dead[id] = true; reg = 0; goto end fi

proctype consumer(byte id; bool founder) {
  byte p, g; bool stopped, over;
  if :: founder -> goto serve :: else fi;
join:
  atomic { reg == 0 -> reg = id + 1 };             /* J1 registrar lock */
enter:
  dead[id] = false;                                /* J2 entry lock */
  if
  :: p = gate                                      /* J3 "oldest" */
  :: p = next                                      /* J3 "now" */
  :: p = cur[id]                                   /* J3 resume after LEFT: the old cursor */
  fi;
  cur[id] = p;
#if V==12
  version++;
  st[id] = JOINING;
#elif V==8
  st[id] = JOINING;                                /* J4 */
  g = gate;                                        /* J7 passes J5 */
  version++;
#else
  st[id] = JOINING;                                /* J4 */
  MAYDIE;
  version++;                                       /* J5 */
  /* J6: full fence, pairs with G5 */
  MAYDIE;
#endif
#if V!=9
#if V!=8
  g = gate;                                        /* J7 */
#endif
  if :: g > p -> p = g; cur[id] = p :: else fi;
  g = 0;
  MAYDIE;
#endif
  atomic { st[id] = ACTIVE; told[id] = true; reg = 0 };    /* J8 */
serve:
  do
  :: cell[p % CAP] >= p + 1 ->
     assert(cell[p % CAP] == p + 1);               /* lapped = lost */
     p++;
     cur[id] = p
  :: cell[p % CAP] < p + 1 && done && p >= N -> break
  :: !stopped && p > 0 ->                          /* leave: V1..V3 */
     stopped = true;
     atomic { told[id] = false; st[id] = LEFT };
     goto end
  :: !stopped ->                                   /* die while gating: keeps gating */
     atomic { stopped = true; dead[id] = true };
#ifdef RESUME
     if
     :: atomic { reg == 0 -> reg = id + 1 };       /* same id again: J1 */
#if V!=13
        if
        :: st[id] != ACTIVE -> goto enter          /* reaped: an ordinary join */
        :: st[id] == ACTIVE && id == 1 ->          /* another start, on an entry that gates */
           told[id] = false; goto enter
        :: st[id] == ACTIVE
        fi;
#endif
        atomic { dead[id] = false; p = cur[id]; told[id] = true; st[id] = ACTIVE; reg = 0 };   /* J2r */
        goto serve
     :: goto end
     fi
#else
     goto end
#endif
  od;
end: skip
}

init {
  atomic {
#ifndef FREERUN
    st[0] = ACTIVE; told[0] = true;
    run consumer(0, true);
#endif
    run consumer(1, false);
#ifdef TWO
    run consumer(2, false);
#endif
    run producer();
#ifdef TAKEOVER
    run successor();
    run killer()
#endif
  }
}
#ifdef LIVE
ltl finishes { <> done }
#endif
