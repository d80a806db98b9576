/* SPDX-License-Identifier: MIT
 * join.pml: joins, takeovers and the overwrite policy against the gate check.
 *
 * Claim: a consumer whose join returned start position p reads every sequence
 * from p on. No producer, predecessor or successor, overwrites a cell that a
 * gating consumer has not released.
 *
 * Step names are those of the C code:
 *   G1..G7   gate check: the producer's cold path before it raises its limit
 *   J1..J8   join; J2r resume of an entry that never stopped gating
 *   V1..V3   leave
 *   T1, T2   takeover
 * Steps: G1..G7 J1..J8 J2r V1..V3 T1 T2
 * Steps not modelled: G3r J9
 *
 * Steps are interleaved in program order. The two full fences (G5, J6) are not
 * statements here: they enforce that order. V=7 and V=8 remove a fence by
 * swapping the two accesses around it.
 *
 *  V   planted bug                                      what it causes
 *  0   none: the protocol
 *  1   gate = minimum, may decrease; limit = gate       overwrite (assert in put)
 *  2   gate never decreases, but limit = gate           overwrite
 *  3   a takeover starts with limit = gate              overwrite (needs TAKEOVER)
 *  4   the version is not checked again (no G6)         overwrite
 *  5   dead JOINING entries are never reaped            no progress (needs LIVE)
 *  6   the scan loads a cursor twice                    overwrite
 *  7   no full fence at G5                              overwrite
 *  8   no full fence at J6                              overwrite
 *  9   no J7: the joiner starts at the position of J3   overwrite
 * 10   overwriting raises the limit, but not the gate   overwrite (needs OVERWRITE)
 * 11   JOINING entries do not gate                      overwrite
 * 12   J5 before J4: version raised, then JOINING       overwrite
 * 13   resume does not check the state again: the       overwrite (needs RESUME)
 *      entry may have been reaped
 *
 * OVERWRITE no consumer at the start, and policy overwrite
 * BLOCK     with OVERWRITE: policy block instead of overwrite
 * TAKEOVER  the first producer may be killed between any two steps; a second
 *           producer takes over
 * RESUME    a consumer that died while gating comes back under its id, at its
 *           cursor (J2r) or at another start (J3..J8 on an entry that gates)
 * TWO       two joiners
 * LIVE      check that the producers finish, under weak fairness
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
#define CHUNK 1              /* room granted in advance by overwriting */
#endif
#define NC 3                 /* entries: 0 registered at the start, 1 and 2 joiners */

#define FREE    0
#define JOINING 1
#define ACTIVE  2
#define LEFT    3
#define GATES(x) (st[x] == JOINING || st[x] == ACTIVE)

/* shared memory */
byte cell[CAP];              /* the stamp: s + 1 */
byte cur[NC], st[NC];        /* the registry: cursor and state of each entry */
byte version, gate, next;

/* Locks. The kernel releases them when their owner dies. */
byte producer_lock;          /* producer lock: 1 = held */
byte registry_lock;          /* registry lock: 0 free, else owner + 1 */
bool dead[NC];               /* the entry's lock is free: its owner has died */

/* Auxiliary variables of the checks, not in shared memory. */
bool joined[NC];             /* join has returned a position; not left, not evicted */
bool done, killed;

/* Publishes n. The assertions are the claim of the model: no joined consumer
 * still needs the cell that is overwritten now. */
inline put() {
  atomic {
    assert(!joined[0] || n < cur[0] + CAP);
    assert(!joined[1] || n < cur[1] + CAP);
    assert(!joined[2] || n < cur[2] + CAP);
    cell[n % CAP] = n + 1
  };
  next = n + 1;              /* stored after the stamp */
  n++
}

/* G2: minimum cursor of the JOINING and ACTIVE entries, entry by entry. */
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
     if :: m == 255 ->                             /* no gating consumer: Protocol 4 */
           m = (n + 1 + CHUNK > CAP -> n + 1 + CHUNK - CAP : 0);
           m = (m > n -> n : m);
#ifdef BLOCK
           m = 0;                                  /* block: only what is announced */
#endif
           m = (gate > m -> gate : m);             /* not below the announced gate */
#if V==10
           lim = (m > lim -> m : lim); goto checked
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
           if :: m > gate -> gate = m :: else fi;  /* G4: never decreases */
           /* G5: full fence, pairs with J6 */
           if :: version != v -> goto again :: else fi;   /* G6 */
           lim = m                                 /* G7: private */
        :: else
     fi;
#endif
#if V!=5
     /* No room: reap dead JOINING entries, if both the registry lock and the
      * entry's lock are free. */
     do
     :: i < NC ->
        if :: atomic { st[i] == JOINING && dead[i] && registry_lock == 0 -> st[i] = FREE }
           :: else
        fi;
        i++
     :: else -> i = 0; break
     od;
#endif
     /* A policy or an operator evicts dead ACTIVE entries. */
     do
     :: i < NC ->
        if :: atomic { st[i] == ACTIVE && dead[i] && registry_lock == 0 -> st[i] = FREE; joined[i] = false }
           :: else
        fi;
        i++
     :: else -> i = 0; break
     od;
checked: skip
  :: n == N -> done = true; break
  od;
  producer_lock = 0
}

proctype producer() {
  byte lim, m, v, i, n, c;
  atomic { producer_lock == 0 -> producer_lock = 1 };
#ifdef TAKEOVER
  { produce() } unless { atomic { killed -> producer_lock = 0 } }
#else
  produce()
#endif
}
#ifdef TAKEOVER
proctype successor() {
  byte lim, m, v, i, n, c;
endwait: atomic { killed && producer_lock == 0 -> producer_lock = 1 };
  produce()
}
proctype killer() { end: if :: producer_lock == 1 -> killed = true fi }
#endif

/* A joiner may be killed after any step. The kernel then releases its locks. */
#define MAYDIE if :: true :: dead[id] = true; registry_lock = 0; goto end fi

proctype consumer(byte id; bool registered) {
  byte p, g; bool stopped, over;
  if :: registered -> goto serve :: else fi;
join:
  atomic { registry_lock == 0 -> registry_lock = id + 1 };   /* J1 registry lock */
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
  g = gate;                                        /* J7 before J5 */
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
  atomic { st[id] = ACTIVE; joined[id] = true; registry_lock = 0 };   /* J8 */
serve:
  do
  :: cell[p % CAP] >= p + 1 ->
     assert(cell[p % CAP] == p + 1);               /* else overwritten: events lost */
     p++;
     cur[id] = p
  :: cell[p % CAP] < p + 1 && done && p >= N -> break
  :: !stopped && p > 0 ->                          /* leave: V1..V3 */
     stopped = true;
     atomic { joined[id] = false; st[id] = LEFT };
     goto end
  :: !stopped ->                                   /* die: the entry still gates */
     atomic { stopped = true; dead[id] = true };
#ifdef RESUME
     if
     :: atomic { registry_lock == 0 -> registry_lock = id + 1 };   /* same id again: J1 */
#if V!=13
        if
        :: st[id] != ACTIVE -> goto enter          /* reaped: an ordinary join */
        :: st[id] == ACTIVE && id == 1 ->          /* another start, on an entry that gates */
           joined[id] = false; goto enter
        :: st[id] == ACTIVE
        fi;
#endif
        atomic { dead[id] = false; p = cur[id]; joined[id] = true; st[id] = ACTIVE; registry_lock = 0 };   /* J2r */
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
#ifndef OVERWRITE
    st[0] = ACTIVE; joined[0] = true;
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
