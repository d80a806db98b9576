/* SPDX-License-Identifier: MIT
 * framed.pml: records of several cells, and who takes over when the producer
 * is killed.
 *
 * What is claimed: a reader never takes payload for a header, never meets a
 * destroyed header, and never stands before a hole; a successor goes on exactly
 * behind the last published record.
 *
 * Payload is hostile: it equals any stamp anybody may look for (G). The producer
 * may be killed after each of the marked steps; what it stored until then stays.
 *
 * Step names are those of the C code: F1..F5, and F6 for the takeover.
 * Steps: F1..F6
 * Steps not modelled: F3a F3b F3c
 *
 *  V   planted bug                                        what breaks
 *  0   none: the protocol
 *  1   F2 left out: abort or a short commit does not take  payload taken for a header
 *      back what was known to be clear
 *  2   F1 waits for n cells, not n + 1                     reader before a hole
 *  3   F6 trusts the dead one's look-ahead                 payload taken for a header
 *  4   F3 stores next before the stamp                     hole: reader waits for ever
 *  5   F3 stamps before the next header's word is clear    payload taken for a header
 *  6   F4 clears beyond the limit                          unread header destroyed
 *  7   F3 stores the length after the stamp                wrong length read
 *  8   F6 starts at next, without rolling forward          published record overwritten
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
#define N 6                  /* cell positions to fill */
#endif
#ifndef MAXN
#define MAXN 3               /* longest claim; MAXN + 1 <= CAP */
#endif
#define G 255

byte word[CAP];              /* stamp, or payload */
byte size[CAP];              /* of the record whose header is here */
byte next, cur;              /* cur: the slowest reader's cursor */
bool seat, died, done;

/* ghost: which positions were published, and as what */
byte record[N + MAXN];
byte body[CAP];              /* whose cell it is: position + 1 of its record */

#define MAYDIE if :: !second && !died -> atomic { died = true; seat = false }; goto out :: true fi

proctype producer(bool second) {
  byte s, clear, n, m, i;
  if
  :: atomic { !seat && (!second || died) -> seat = true }
  :: second && done && !died -> goto out
  fi;
  s = next;                                              /* F6: takeover, or start */
#if V!=8
  do
  :: word[s % CAP] == s + 1 -> s = s + size[s % CAP]
  :: else -> break
  od;
#endif
  next = s;
#if V==3
  clear = s + 1 + K;
#else
  clear = s + 1;                                         /* the dead one's claim may lie there */
#endif
#if V!=4 && V!=5 && V!=8
  if :: second -> assert(word[s % CAP] == 0) :: else fi;
#endif
  do
  :: s >= N -> done = true; seat = false; goto out
  :: s < N ->
     select (n : 1 .. MAXN);
#if V==2
     (s + n <= cur + CAP);
#else
     (s + n + 1 <= cur + CAP);                           /* F1: the next header's word too */
#endif
#if V!=1
     if :: clear > s + 1 && n > 1 -> clear = s + 1 :: else fi;       /* F2 */
#endif
     i = 1;                                              /* the user builds in place */
     do
     :: i < n -> atomic { word[(s + i) % CAP] = G; body[(s + i) % CAP] = s + 1 }; i++
     :: else -> i = 0; break
     od;
     MAYDIE;
     if
     :: goto forget                                      /* F5 abort */
     :: m = n                                            /* F3 commit */
     :: n > 1 -> m = n - 1                               /* F3 commit of less */
     fi;
#if V!=7
     size[s % CAP] = m;
#endif
#if V==5
     atomic { word[s % CAP] = s + 1; record[s] = m };
     MAYDIE;
#endif
     if :: s + m >= clear -> word[(s + m) % CAP] = 0; clear = s + m + 1 :: else fi;
     MAYDIE;
#if V==4
     next = s + m;
     MAYDIE;
#endif
#if V!=5
     atomic { body[s % CAP] = s + 1; word[s % CAP] = s + 1; record[s] = m };
#endif
#if V==7
     size[s % CAP] = m;
#endif
     MAYDIE;
     s = s + m;
     next = s;
     do                                                  /* F4: only inside the limit */
#if V==6
     :: clear < s + 1 + K ->
#else
     :: clear < s + 1 + K && clear < cur + CAP ->
#endif
        word[clear % CAP] = 0; clear++
     :: else -> break
     od;
forget:
     n = 0; m = 0
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
     c = c + l; l = 0;
     cur = c
  :: word[c % CAP] == G -> assert(false)
  :: word[c % CAP] != c + 1 && done && c >= next -> break
  od
}

init { atomic { run producer(false); run producer(true); run reader() } }
