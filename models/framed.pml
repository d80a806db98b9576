/* SPDX-License-Identifier: MIT
 * framed.pml: records of several cells, and the takeover after the producer
 * was killed.
 *
 * Claim: a reader never reads payload as a header, never finds a destroyed
 * header, and never waits at a gap between records. A successor continues
 * directly after the last published record. A message of two records becomes
 * visible completely or not at all: its first stamp is stored last (F3c).
 *
 * The payload is hostile: it equals every stamp that a reader may expect (G).
 * The producer may be killed at each MAYDIE; its earlier stores stay.
 *
 * Step names are those of the C code: F1..F5, and F6 for the takeover.
 * Steps: F1..F6 F3c
 * Steps not modelled: F3a F3b F3d
 *
 *  V   planted bug                                        what it causes
 *  0   none: the protocol
 *  1   no F2: after an abort or a short commit, written    payload read as a header
 *      cells still count as clear
 *  2   F1 waits for n cells, not n + 1                     reader waits at a gap
 *  3   F6 trusts the look-ahead of the dead producer       payload read as a header
 *  4   F3 stores next before the stamp                     gap: reader waits for ever
 *  5   F3 stores the stamp before it clears the next one   payload read as a header
 *  6   F4 clears beyond the limit                          unread header destroyed
 *  7   F3 stores the length after the stamp                wrong length read
 *  8   F6 starts at next without stepping over records     published record overwritten
 *  9   F3c stores the first stamp of a message first       half a message is read
 */
#ifndef V
#define V 0
#endif
#ifndef CAP
#define CAP 5                /* cells */
#endif
#ifndef K
#define K 2                  /* look-ahead of F4 */
#endif
#ifndef N
#define N 6                  /* cell positions to publish */
#endif
#ifndef MAXN
#define MAXN 3               /* longest claim; MAXN + 1 <= CAP */
#endif
#define G 255

byte word[CAP];              /* stamp, or payload */
byte size[CAP];              /* length of the record whose header is in this cell */
byte next, cur;              /* cur: the reader's cursor */
bool lock, died, done;

/* Auxiliary variables of the checks. */
byte record[N + MAXN];       /* length of the record published at a position */
byte body[CAP];              /* position + 1 of the record that wrote the cell */
bool more[N + MAXN];         /* the message continues in the next record */

#define MAYDIE if :: !second && !died -> atomic { died = true; lock = false }; goto out :: true fi

proctype producer(bool second) {
  byte s, clear, n, m, k, i;
  if
  :: atomic { !lock && (!second || died) -> lock = true }
  :: second && done && !died -> goto out
  fi;
  s = next;                                              /* F6: takeover, or start */
#if V!=8
  do
  :: word[s % CAP] == s + 1 ->
     i = s + size[s % CAP];
     assert(!more[s] || word[i % CAP] == i + 1);
     s = i
  :: else -> i = 0; break
  od;
#endif
  next = s;
#if V==3
  clear = s + 1 + K;
#else
  clear = s + 1;                                         /* the predecessor may have written beyond */
#endif
#if V!=4 && V!=5 && V!=8
  if :: second -> assert(word[s % CAP] == 0) :: else fi;
#endif
  do
  :: s >= N -> done = true; lock = false; goto out
  :: s < N ->
     select (n : 1 .. MAXN);
#if V==2
     (s + n <= cur + CAP);
#else
     (s + n + 1 <= cur + CAP);                           /* F1: including the next stamp word */
#endif
#if V!=1
     if :: clear > s + 1 && n > 1 -> clear = s + 1 :: else fi;       /* F2 */
#endif
     i = 1;                                              /* the application writes the payload */
     do
     :: i < n -> atomic { word[(s + i) % CAP] = G; body[(s + i) % CAP] = s + 1 }; i++
     :: else -> i = 0; break
     od;
     MAYDIE;
     if
     :: goto forget                                      /* F5 abort */
     :: m = n                                            /* F3 commit */
     :: n > 1 -> m = n - 1                               /* F3 commit of less than claimed */
     fi;
     if                                                  /* F3c: two records, of k and m - k cells */
     :: k = 0
     :: m > 1 -> k = 1
     :: m > 2 -> k = 2
     fi;
#if V!=7
     size[s % CAP] = (k == 0 -> m : k);
#endif
     if
     :: k == 0
     :: else ->
#if V==9
        atomic { body[s % CAP] = s + 1; word[s % CAP] = s + 1; record[s] = k; more[s] = true };
        MAYDIE;
#endif
        size[(s + k) % CAP] = m - k;
        atomic {
          i = k;
          do
          :: i < m -> body[(s + i) % CAP] = s + k + 1; i++
          :: else -> i = 0; break
          od;
          word[(s + k) % CAP] = s + k + 1; record[s + k] = m - k
        };
        MAYDIE
     fi;
#if V==5
     atomic { word[s % CAP] = s + 1; record[s] = (k == 0 -> m : k); more[s] = (k != 0) };
     MAYDIE;
#endif
     if :: s + m >= clear -> word[(s + m) % CAP] = 0; clear = s + m + 1 :: else fi;
     MAYDIE;
#if V==4
     next = s + m;
     MAYDIE;
#endif
#if V!=5
     atomic {
       body[s % CAP] = s + 1; word[s % CAP] = s + 1;
       record[s] = (k == 0 -> m : k); more[s] = (k != 0)
     };
#endif
#if V==7
     size[s % CAP] = (k == 0 -> m : k);
#endif
     MAYDIE;
     s = s + m;
     next = s;
     do                                                  /* F4: below the limit only */
#if V==6
     :: clear < s + 1 + K ->
#else
     :: clear < s + 1 + K && clear < cur + CAP ->
#endif
        word[clear % CAP] = 0; clear++
     :: else -> break
     od;
forget:
     n = 0; m = 0; k = 0
  od;
out: skip
}

proctype reader() {
  byte c, l, i;
  do
  :: word[c % CAP] == c + 1 ->
     assert(record[c] != 0);
     l = size[c % CAP];
     assert(l == record[c]);
     i = 1;
     do
     :: i < l -> assert(body[(c + i) % CAP] == c + 1); i++
     :: else -> i = 0; break
     od;
     assert(!more[c] || word[(c + l) % CAP] == c + l + 1);   /* F3c: the whole message is visible */
     c = c + l; l = 0;
     cur = c
  :: word[c % CAP] == G -> assert(false)
  :: word[c % CAP] != c + 1 && done && c >= next -> break
  od
}

init { atomic { run producer(false); run producer(true); run reader() } }
