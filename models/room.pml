/* room.pml: the producer waits for room, consumers wake it.
 *
 * What is claimed: while there is room for what the producer asked for, it does
 * not sleep for ever. With SLICE=0 a lost wake-up is a deadlock, which spin
 * reports as "invalid end state". With SLICE=1 (the protocol) the sleep can end
 * at any moment, so nothing is lost for ever: the model checks that the producer
 * finishes (LIVE, weak fairness).
 *
 * Consumers do not fence when they release: cursor [rel], then a plain load of
 * the room word. Each consumer has a store buffer for its cursor: `cur` is what
 * it stored, `mem` what others see; `mem` follows at any later moment, value by
 * value. A full fence or a locked instruction brings it up to date.
 *
 * Step names are those of the C code:
 *   Q1 gate look: no room                     R1 cursor [rel]
 *   Q2 need = wanted cursor, at most next     R2 signal fence, plain load of W
 *   Q3 W: set SLEEP by CAS                    R3 SLEEP, and this step crossed
 *   Q4 full fence                                need: wake op
 *   Q5 gate look again                        R4 every FQ events, and always
 *   Q6 futex_wait(W, w, at most a slice)         before it waits: full fence,
 *   Q7 whatever it returned: Q1                  load W again
 *                                             R5 SLEEP, and need was crossed since
 *                                                the last R4: wake op
 * Leave and resume wake without asking (W + 8).
 *
 *  V   planted bug (1 to 10 with SLICE=0)                 what breaks
 *  0   none: the protocol
 *  1   R4 left out: no fence before the consumer waits    sleeps for ever
 *  2   R5 asks only whether its last step crossed need    sleeps for ever
 *  3   leave does not wake                                sleeps for ever
 *  4   Q5 before Q3 (as without the fence Q4)             sleeps for ever
 *  5   Q2 after Q5: need is not yet there when it is      sleeps for ever
 *      compared
 *  6   Q6 compares a W loaded after Q5                    sleeps for ever
 *  7   need is not held at next (slack makes it larger)   sleeps for ever
 *  8   a restarted consumer does not wake                 sleeps for ever (needs DIE)
 *  9   R5 counts from the last R2, not from the last R4   sleeps for ever
 * 10   there is no Q5: no second look before sleeping     sleeps for ever
 * 11   the sleep is not bounded, and a consumer is        sleeps for ever (needs FORGET)
 *      killed between R1 and R4
 *
 * Q2 and Q3 may change places; what counts is that both come before Q4 and Q5.
 *
 * SLICE   1: Q6 is bounded (5 ms in the code), 0: it is not. Unbounded passes
 *         too, as every consumer comes to R4 before it waits, unless one is
 *         killed before that and stays away (V=11). And with SLICE=1 V=1 passes:
 *         the slice alone loses nothing, R4 is what makes it prompt.
 * DIE     consumer 1 may be killed after any step; it comes back at its cursor
 * FORGET  consumer 1 may be killed once the producer could finish without it,
 *         and does not come back
 * LIVE    check "the producer finishes" under weak fairness
 */
#ifndef V
#define V 0
#endif
#if V==11
#define SLICE 0
#endif
#ifndef SLICE
#define SLICE 1
#endif
#ifndef N
#define N 4                  /* events to publish */
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef FQ
#define FQ 2                 /* events between two R4 on the hot path: capacity/4 in the code */
#endif
#ifndef SLACK
#define SLACK 0              /* asked for beyond what is needed, so as to be woken less often */
#endif
#define NC 2

#define SLEEP 4
byte W, need, next;
bool asleep;                 /* the producer is inside futex_wait */
byte cur[NC], mem[NC];       /* cursors: as stored, as seen */
bool left[NC], finished;

/* the store buffers */
proctype drain() {
end: do
  :: atomic { mem[0] < cur[0] -> mem[0]++ }
  :: atomic { mem[1] < cur[1] -> mem[1]++ }
  od
}
#define FENCE(k) mem[k] = cur[k]

/* Gate look: entry by entry, each cursor loaded once. */
inline look() {
  m = 255;
  if :: !left[0] -> m = mem[0] :: else fi;
  atomic { x = mem[1]; if :: !left[1] && x < m -> m = x :: else fi; x = 0;
           if :: m == 255 -> m = next :: else fi }
}
inline set_need() {
  atomic {
    need = next + n + SLACK - CAP;
#if V!=7
    if :: need > next -> need = next :: else fi
#endif
  }
}

proctype prod() {
  byte m, w, x, n;
  do
  :: next == N -> finished = true; break
  :: next < N ->
     if :: n = 1 :: next + CAP <= N -> n = CAP fi;         /* one event, or a full ring */
     do
     :: look();                                            /* Q1 */
        if :: next + n <= m + CAP -> next = next + n; break :: else fi;
#if V==4
        look();
        if :: next + n <= m + CAP -> next = next + n; break :: else fi;
#endif
#if V!=5
        set_need();                                        /* Q2 */
#endif
        atomic { W = W | SLEEP; w = W };                   /* Q3 */
        /* Q4 full fence: pairs with R4 */
#if V!=4 && V!=10
        look();                                            /* Q5 */
        if :: next + n <= m + CAP -> next = next + n; break :: else fi;   /* leave W alone */
#endif
#if V==5
        set_need();
#endif
#if V==6
        w = W;
#endif
        atomic { if :: W == w -> asleep = true :: else fi; w = 0; m = 0 };        /* Q6 */
        if
        :: !asleep
#if SLICE
        :: atomic { asleep -> asleep = false }             /* the slice is over */
#endif
        fi
     od;
     m = 0; n = 0; w = 0
  od
}

inline wake_op(k) { atomic { FENCE(k); W = W + SLEEP; asleep = false } }
inline wake_all(k) { atomic { FENCE(k); W = W + 8; asleep = false } }

/* R4, R5: `checked` is the cursor at the last such check */
#if V==1
inline check(k) { skip }
#else
inline check(k) {
  atomic { FENCE(k); since = 0 };
  w = W;
  if
  :: w & SLEEP ->
#if V==2 || V==9
     if :: old < need && need <= cur[k] -> wake_op(k) :: else fi
#else
     if :: checked < need && need <= cur[k] -> wake_op(k) :: else fi
#endif
  :: else
  fi;
  atomic { checked = cur[k]; old = cur[k]; w = 0 }
}
#endif

inline consume(k) {
  do
  :: cur[k] == N -> check(k); break
  :: cur[k] < N && next > cur[k] ->
     atomic {
#if V!=9
       old = cur[k];
#endif
       if :: cur[k]++; since++
          :: cur[k] + 1 < next -> cur[k] = cur[k] + 2; since = since + 2
       fi
     };                                                    /* R1 */
     w = W;                                                /* R2 */
     if :: w & SLEEP ->                                    /* R3 */
           if :: old < need && need <= cur[k] -> wake_op(k) :: else fi
        :: else
     fi;
#if V==9
     old = cur[k];
#endif
     w = 0;
#if V!=1
     if :: since >= FQ -> check(k) :: else fi              /* R4 on the hot path */
#endif
  :: cur[k] < N && next == cur[k] -> check(k);             /* finds nothing: R4, R5, waits */
     (next > cur[k])
#ifndef DIE
  :: k == 1 && cur[k] == 1 ->                              /* leaves */
     atomic { FENCE(k); left[1] = true };
#if V!=3
     wake_all(k);
#endif
     break
#endif
  od
}

bool killed;
proctype cons(byte k) {
  byte w, old, checked, since;
#ifdef DIE
  { consume(k) } unless { atomic { k == 1 && killed -> FENCE(k); w = 0; since = 0; old = 0; checked = 0 } };
  if :: k == 1 && killed ->
        /* resume: goes on at its cursor; knows nothing of what was checked */
        atomic { checked = cur[k]; old = cur[k] };
#if V!=8
        wake_all(k);
#endif
        consume(k)
     :: else
  fi
#elif defined(FORGET)
  { consume(k) } unless { atomic { k == 1 && killed -> FENCE(k); w = 0; since = 0; old = 0; checked = 0 } }
#else
  consume(k)
#endif
}
#ifdef DIE
proctype killer() { if :: killed = true :: true fi }
#endif
#ifdef FORGET
/* from here on it does not gate what is still to come: the producer could finish */
proctype killer() { end: if :: atomic { cur[1] + CAP >= N -> killed = true } fi }
#endif

init {
  atomic {
    run drain(); run prod(); run cons(0); run cons(1);
#if defined(DIE) || defined(FORGET)
    run killer()
#endif
  }
}
#ifdef LIVE
ltl finishes { <> finished }
#endif
