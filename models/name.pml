/* SPDX-License-Identifier: MIT
 * name.pml: names of segments: create, take over, replace, remove.
 *
 * Claims:
 *   - Only the object that was examined is unlinked. A live producer or consumer
 *     of an object without a name is informed by SUPERSEDED, or by closed: it
 *     then reads the remaining events and the end.
 *   - An object has at most one live producer.
 *
 * Step names are those of the C code: C1..C8 create and replace, C7s the sweep of
 * a closed ring by its last participant, E1..E3 the end of a stream, V1..V4 a
 * leave. C1 (fill the nameless object) is one step here, because no other process
 * can access that object; C1r is its fallback.
 * Steps: C1..C8 C7s E1..E3 V1..V4 J1..J8
 * Steps not modelled: C1r
 * Every process may be killed after any step. The kernel then releases its locks.
 *
 *  V   planted bug                                         what it causes
 *  0   none: the protocol
 *  1   no locks: find the producer dead, unlink, link      consumer without name, ...
 *  2   no C5: the name is not checked again                foreign name unlinked
 *  3   C2 after C3: the producer lock is acquired after    live producer without name
 *      the name appears
 *  4   C3 by a rename that replaces the name               live producer without name
 *  5   attach does not check name and SUPERSEDED again     consumer without name
 *      under the registry lock
 *  6   C4 without the registry lock                        consumer without name
 *  7   C6 does not set SUPERSEDED                          consumer without name
 *  8   forced removal without the registry lock            foreign name unlinked
 *                                                          (needs FORCE)
 *  9   an open that fails after C3 unlinks its name        foreign name unlinked
 *      without the registry lock (C4) and without C5       (needs ENDS, FORCE)
 * 10   the sweep does not acquire the registry lock        foreign name unlinked
 *                                                          (needs ENDS, FORCE)
 *
 * FORCE   the remover removes a ring that is in use
 * ENDS    producers close, opens fail after C3, consumers leave, closed rings
 *         are swept
 * NOATT   no joining consumer
 *
 * Objects: object 1 exists at the start; its producer is dead, and it may have a
 * live consumer. Creators 1 and 2 make objects 2 and 3.
 */
#ifndef V
#define V 0
#endif
#define NOBJ 4

byte name;                   /* the object that the name refers to; 0: none */
byte lock[NOBJ];             /* producer lock: 0 free, else the holder */
byte registry[NOBJ];         /* registry lock: 0 free, else the holder */
byte live[NOBJ];             /* the producer that runs on the object; 0: none */
byte entries[NOBJ];          /* live consumers: their entry locks are held */
bool superseded[NOBJ], closed[NOBJ];

inline free_locks(o, me) {
  atomic {
    if :: lock[o] == me -> lock[o] = 0 :: else fi;
    if :: registry[o] == me -> registry[o] = 0 :: else fi
  }
}
#define MAYDIE(o) if :: true :: free_locks(o, me); goto end fi

/* unlink removes a name, not an object: the assertions check that it is the right object's name. */
inline unlink(o) {
  atomic {
    assert(name == o);
    assert(live[o] == 0 || superseded[o]);
    name = 0
  }
}

/* C6. The protocol always sets SUPERSEDED, because observers hold no lock and cannot be found. Observers are not in
 * this model. With a planted bug it is set only for known participants, since setting it always would hide the bug. */
inline mark(o, known) {
#if V==0
  superseded[o] = true
#else
  if :: known -> superseded[o] = true :: else fi
#endif
}

/* C7s: the last participant of a closed ring removes the name, if it can acquire the locks. */
inline sweep(o) {
#if V!=10
  if
  :: atomic { registry[o] == 0 -> registry[o] = me }
  :: atomic { registry[o] == me -> skip }
  :: atomic { registry[o] != 0 && registry[o] != me -> free_locks(o, me); goto end }
  fi;
  MAYDIE(o);
#endif
  if :: entries[o] != 0 || !closed[o] -> free_locks(o, me); goto end :: else fi;
  if
  :: atomic { lock[o] == 0 || lock[o] == me -> lock[o] = me }
  :: atomic { lock[o] != 0 && lock[o] != me -> free_locks(o, me); goto end }
  fi;
  MAYDIE(o);
  if :: name != o -> free_locks(o, me); goto end :: else fi;
  MAYDIE(o);
  unlink(o)
}

/* An open of the name as a producer. Policy resume (`resume`) takes over the ring of a dead producer, policy supersede
 * replaces it. */
proctype creator(byte me; byte mine) {
  byte o; bool resume;
  if :: resume = true :: resume = false fi;
again:
  o = name;
  if :: o == 0 -> goto make :: else fi;
#if V==1
  if :: lock[o] != 0 -> goto end :: else fi;
  name = 0;
  goto make;
#endif
  if                                                           /* C4 producer lock */
  :: atomic { lock[o] == 0 -> lock[o] = me }
  :: atomic { lock[o] != 0 ->
     if :: name == o -> o = 0; goto end                        /* its producer is alive */
        :: else -> o = 0; goto again
     fi }
  fi;
  MAYDIE(o);
#if V!=6
  if                                                           /* C4 registry lock */
  :: atomic { registry[o] == 0 -> registry[o] = me }
  :: atomic { registry[o] != 0 -> free_locks(o, me); goto end }   /* held for too long: MYL_EBUSY */
  fi;
  MAYDIE(o);
#endif
#if V!=2
  if :: name != o -> free_locks(o, me); goto again :: else fi;   /* C5 */
  MAYDIE(o);
#endif
  if
  :: resume && !superseded[o] && !closed[o] ->                             /* takeover */
     atomic { assert(live[o] == 0); live[o] = me; registry[o] = (registry[o] == me -> 0 : registry[o]) };
     goto running
  :: else
  fi;
#if V!=7
  mark(o, entries[o] > 0);                                     /* C6 */
  MAYDIE(o);
#endif
  unlink(o);                                                   /* C7 */
  MAYDIE(o);
  free_locks(o, me);
make:                                                          /* C8, C1 */
#if V!=3
  lock[mine] = me;                                             /* C2 */
  MAYDIE(mine);
#endif
#if V==4
  atomic {
    assert(name == 0 || live[name] == 0 || superseded[name]);
    name = mine; live[mine] = me
  };
#else
  if                                                           /* C3: link, never replace */
#if V==3
  :: atomic { name == 0 -> name = mine };
     if :: atomic { lock[mine] == 0 -> lock[mine] = me; live[mine] = me }
        :: atomic { lock[mine] != 0 -> goto end }
     fi
#else
  :: atomic { name == 0 -> name = mine; live[mine] = me }
#endif
  :: atomic { name != 0 -> free_locks(mine, me); goto again }  /* EEXIST */
  fi;
#endif
  o = mine;
running:
  if
  :: true                                                      /* runs on */
  :: atomic { live[o] = 0; free_locks(o, me) }                 /* is killed */
#ifdef ENDS
  :: atomic { live[o] = 0; closed[o] = true };                 /* E1, E2 */
     MAYDIE(o);
     sweep(o);                                                 /* E3 */
     free_locks(o, me)
  :: o == mine ->                                              /* the open fails after C3 */
     atomic { live[o] = 0; superseded[o] = true };
     MAYDIE(o);
#if V!=9
     if
     :: atomic { registry[o] == 0 -> registry[o] = me }
     :: atomic { registry[o] != 0 -> free_locks(o, me); goto end }   /* the next creator replaces it */
     fi;
     MAYDIE(o);
     if :: name != o -> free_locks(o, me); goto end :: else fi;
     MAYDIE(o);
#endif
     unlink(o);
     free_locks(o, me)
#endif
  fi;
end: skip
}

/* Removes a ring; with `force` also one that is in use. */
proctype remover(byte me; bool force) {
  byte o; bool alive;
  o = name;
  if :: o == 0 -> goto end :: else fi;
  if                                                           /* C4 */
  :: atomic { lock[o] == 0 -> lock[o] = me }
  :: atomic { lock[o] != 0 -> alive = true }
  fi;
  MAYDIE(o);
#if V==8
  if :: force -> goto held :: else fi;
#endif
  if
  :: atomic { registry[o] == 0 -> registry[o] = me }
  :: atomic { registry[o] != 0 -> free_locks(o, me); goto end }
  fi;
#if V==8
held:
#endif
  MAYDIE(o);
  if :: !force && (alive || entries[o] > 0) -> goto out :: else fi;
  if :: name != o -> goto out :: else fi;                      /* C5 */
  MAYDIE(o);
  mark(o, alive || entries[o] > 0);                            /* C6 */
  MAYDIE(o);
  unlink(o);                                                   /* C7 */
out:
  free_locks(o, me);
end: skip
}

proctype attacher(byte me) {
  byte o;
  o = name;
  if :: o == 0 -> goto end :: else fi;
  atomic { registry[o] == 0 -> registry[o] = me };
  MAYDIE(o);
#if V!=5
  if :: superseded[o] || name != o -> free_locks(o, me); goto end :: else fi;
  MAYDIE(o);
#endif
  atomic { entries[o]++ };                                     /* J1..J8 */
  free_locks(o, me);
#ifdef ENDS
  if
  :: goto end                                                  /* stays */
  :: atomic { registry[o] == 0 -> registry[o] = me };          /* leaves: V1..V3 */
     atomic { entries[o]-- };
     MAYDIE(o);
     sweep(o);                                                 /* V4 */
     free_locks(o, me)
  fi;
#endif
end: skip
}

init {
  atomic {
    name = 1;
    if :: entries[1] = 1 :: true fi;
    run creator(1, 2); run creator(2, 3);
#ifndef NOATT
    run attacher(4);
#endif
#ifdef FORCE
    run remover(3, true)
#else
    run remover(3, false)
#endif
  };
  (_nr_pr == 1);
  assert(live[1] == 0 || name == 1 || superseded[1]);
  assert(live[2] == 0 || name == 2 || superseded[2]);
  assert(live[3] == 0 || name == 3 || superseded[3]);
  assert(entries[1] == 0 || name == 1 || superseded[1] || closed[1]);
  assert(entries[2] == 0 || name == 2 || superseded[2] || closed[2]);
  assert(entries[3] == 0 || name == 3 || superseded[3] || closed[3])
}
