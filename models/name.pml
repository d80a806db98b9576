/* SPDX-License-Identifier: MIT
 * name.pml: names of segments: create, take over, replace, remove.
 *
 * What is claimed:
 *   - nobody's name is taken away behind his back: what is unlinked is the
 *     object that was examined, and no live producer or consumer is left on an
 *     object without a name unless it is told so (SUPERSEDED, or closed: then it
 *     reads what is there, and the end);
 *   - one object has one live producer at most.
 *
 * Step names are those of the C code: C1..C8 (C1, filling the nameless object,
 * is one step here: nobody else sees it; C1r is its fallback), C7s the sweep of a
 * closed ring by whoever goes last, E1..E3 the end of a stream, V1..V4 leaving.
 * Steps: C1..C8 C7s E1..E3 V1..V4 J1..J8
 * Steps not modelled: C1r
 * Everybody may be killed after any step; the kernel then frees its locks.
 *
 *  V   planted bug                                         what breaks
 *  0   none: the protocol
 *  1   no locks: look, judge it dead, unlink, link         consumer left behind, ...
 *  2   no C5: the name is not looked at again              another's name unlinked
 *  3   C2 after C3: the seat is taken after the name       live producer without name
 *      appears
 *  4   C3 by a rename that replaces                        live producer without name
 *  5   attach does not look at name and SUPERSEDED again   consumer left behind
 *      under the registrar lock
 *  6   C4 takes the seat, but not the registrar lock       consumer left behind
 *  7   C6 does not mark SUPERSEDED                         consumer left behind
 *  8   a forced removal does without the registrar lock    another's name unlinked
 *                                                          (needs FORCE)
 *  9   an open that fails after C3 unlinks its name        another's name unlinked
 *      without C4 (registrar) and C5                       (needs ENDS, FORCE)
 * 10   the sweep does not take the registrar lock          another's name unlinked
 *                                                          (needs ENDS, FORCE)
 *
 * FORCE   the remover insists, whoever is alive
 * ENDS    producers close, opens fail half way, consumers leave, closed rings
 *         are swept
 * NOATT   no joining consumer
 *
 * Objects: 1 is there at first, its producer dead, perhaps with a live
 * consumer; 2 and 3 are made by creators 1 and 2.
 */
#ifndef V
#define V 0
#endif
#define NOBJ 4

byte name;                   /* the object the name leads to, 0: none */
byte seat[NOBJ];             /* locks: 0 free, else the holder */
byte reg[NOBJ];
byte live[NOBJ];             /* the producer that runs on it, 0: none */
byte entries[NOBJ];          /* live consumers: their entry locks are held */
bool superseded[NOBJ], closed[NOBJ];

inline drop(o, me) {
  atomic {
    if :: seat[o] == me -> seat[o] = 0 :: else fi;
    if :: reg[o] == me -> reg[o] = 0 :: else fi
  }
}
#define MAYDIE(o) if :: true :: drop(o, me); goto end fi

/* The heart of the claim: unlink works on names, not on objects. */
inline unlink(o) {
  atomic {
    assert(name == o);
    assert(live[o] == 0 || superseded[o]);
    name = 0
  }
}

/* C6. The protocol marks always: observers hold no seat, and are not in this model. With a planted bug only who is known
 * to be there is told; else everybody would be told anyway, and nobody left behind. */
inline mark(o, known) {
#if V==0
  superseded[o] = true
#else
  if :: known -> superseded[o] = true :: else fi
#endif
}

/* C7s: whoever goes last from a closed ring takes the name along, if he can. */
inline sweep(o) {
#if V!=10
  if
  :: atomic { reg[o] == 0 -> reg[o] = me }
  :: atomic { reg[o] == me -> skip }
  :: atomic { reg[o] != 0 && reg[o] != me -> drop(o, me); goto end }
  fi;
  MAYDIE(o);
#endif
  if :: entries[o] != 0 || !closed[o] -> drop(o, me); goto end :: else fi;
  if
  :: atomic { seat[o] == 0 || seat[o] == me -> seat[o] = me }
  :: atomic { seat[o] != 0 && seat[o] != me -> drop(o, me); goto end }
  fi;
  MAYDIE(o);
  if :: name != o -> drop(o, me); goto end :: else fi;
  MAYDIE(o);
  unlink(o)
}

/* An open of the name as a producer. RESUME takes a dead producer's ring over,
 * SUPERSEDE insists on a new one. */
proctype creator(byte me; byte mine) {
  byte o; bool resume;
  if :: resume = true :: resume = false fi;
again:
  o = name;
  if :: o == 0 -> goto make :: else fi;
#if V==1
  if :: seat[o] != 0 -> goto end :: else fi;
  name = 0;
  goto make;
#endif
  if                                                           /* C4 seat */
  :: atomic { seat[o] == 0 -> seat[o] = me }
  :: atomic { seat[o] != 0 ->
     if :: name == o -> o = 0; goto end                        /* its producer is alive */
        :: else -> o = 0; goto again
     fi }
  fi;
  MAYDIE(o);
#if V!=6
  if                                                           /* C4 registrar */
  :: atomic { reg[o] == 0 -> reg[o] = me }
  :: atomic { reg[o] != 0 -> drop(o, me); goto end }           /* busy for long: an error */
  fi;
  MAYDIE(o);
#endif
#if V!=2
  if :: name != o -> drop(o, me); goto again :: else fi;       /* C5 */
  MAYDIE(o);
#endif
  if
  :: resume && !superseded[o] && !closed[o] ->                             /* takeover */
     atomic { assert(live[o] == 0); live[o] = me; reg[o] = (reg[o] == me -> 0 : reg[o]) };
     goto running
  :: else
  fi;
#if V!=7
  mark(o, entries[o] > 0);                                     /* C6 */
  MAYDIE(o);
#endif
  unlink(o);                                                   /* C7 */
  MAYDIE(o);
  drop(o, me);
make:                                                          /* C8, C1 */
#if V!=3
  seat[mine] = me;                                             /* C2 */
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
     if :: atomic { seat[mine] == 0 -> seat[mine] = me; live[mine] = me }
        :: atomic { seat[mine] != 0 -> goto end }
     fi
#else
  :: atomic { name == 0 -> name = mine; live[mine] = me }
#endif
  :: atomic { name != 0 -> drop(mine, me); goto again }        /* EEXIST */
  fi;
#endif
  o = mine;
running:
  if
  :: true                                                      /* runs on */
  :: atomic { live[o] = 0; drop(o, me) }                       /* is killed */
#ifdef ENDS
  :: atomic { live[o] = 0; closed[o] = true };                 /* E1, E2 */
     MAYDIE(o);
     sweep(o);                                                 /* E3 */
     drop(o, me)
  :: o == mine ->                                              /* the open fails after C3 */
     atomic { live[o] = 0; superseded[o] = true };
     MAYDIE(o);
#if V!=9
     if
     :: atomic { reg[o] == 0 -> reg[o] = me }
     :: atomic { reg[o] != 0 -> drop(o, me); goto end }        /* the next one retires it */
     fi;
     MAYDIE(o);
     if :: name != o -> drop(o, me); goto end :: else fi;
     MAYDIE(o);
#endif
     unlink(o);
     drop(o, me)
#endif
  fi;
end: skip
}

/* Remove; by force also what is in use. */
proctype remover(byte me; bool force) {
  byte o; bool alive;
  o = name;
  if :: o == 0 -> goto end :: else fi;
  if                                                           /* C4 */
  :: atomic { seat[o] == 0 -> seat[o] = me }
  :: atomic { seat[o] != 0 -> alive = true }
  fi;
  MAYDIE(o);
#if V==8
  if :: force -> goto held :: else fi;
#endif
  if
  :: atomic { reg[o] == 0 -> reg[o] = me }
  :: atomic { reg[o] != 0 -> drop(o, me); goto end }
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
  drop(o, me);
end: skip
}

proctype attacher(byte me) {
  byte o;
  o = name;
  if :: o == 0 -> goto end :: else fi;
  atomic { reg[o] == 0 -> reg[o] = me };
  MAYDIE(o);
#if V!=5
  if :: superseded[o] || name != o -> drop(o, me); goto end :: else fi;
  MAYDIE(o);
#endif
  atomic { entries[o]++ };                                     /* J1..J8 */
  drop(o, me);
#ifdef ENDS
  if
  :: goto end                                                  /* stays */
  :: atomic { reg[o] == 0 -> reg[o] = me };                    /* leaves: V1..V3 */
     atomic { entries[o]-- };
     MAYDIE(o);
     sweep(o);                                                 /* V4 */
     drop(o, me)
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
