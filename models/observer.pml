/* SPDX-License-Identifier: MIT
 * observer.pml: an observer, which does not gate, in a ring that overwrites.
 *
 * Claim: a record that an observer returns (O6 passed) is complete, and as it
 * was published. The observer never reads outside the data area, whatever it
 * finds there. read + lost counts every position exactly once.
 *
 * Records have 1 or 2 cells. The payload is hostile: a payload cell equals the
 * stamp that the observer expects, followed by an invalid length.
 *
 * Step names are those of the C code: O1..O6 of the observer; G2..G7 of a
 * producer without gating consumers (policy overwrite); F1..F3 of its publish.
 * Steps: O1..O6 G2 G4 G5 G7 F1..F3
 *
 *  V   planted bug                                        what it causes
 *  0   none: the protocol
 *  1   the gate is announced after the overwrite          torn record returned
 *  2   no O6                                              torn record returned
 *  3   no O5: the copy (O4) is reordered after O6         torn record returned
 *  4   no O3: the length is not limited                   read outside
 *  5   the gate may lie inside a record                   payload read as a header
 *  6   O6 checks the stamp again instead of the gate      torn record returned
 *  7   the length is loaded a second time after O3        read outside
 *
 * ONE   events instead of records: one cell each, no next header to clear
 */
#ifndef V
#define V 0
#endif
#ifndef CAP
#define CAP 4
#endif
#ifndef N
#define N 8                  /* positions to publish */
#endif
#define CHUNK 1
#ifdef ONE
#define MAXLEN 1
#define NEED n
#else
#define MAXLEN 2
#define NEED (n + 1)
#endif
#define G 255                /* payload: equals any stamp */

byte word[CAP];              /* stamp, or payload */
byte size[CAP];               /* header: the length; payload: anything */
byte body[CAP];              /* auxiliary: position + 1 of the record that wrote the cell */
byte gate, next;
bool done;

/* auxiliary: positions at which records begin */
bool starts[N + MAXLEN];

active proctype producer() {
  byte s, n, i, m, lim;
  do
  :: s >= N -> done = true; break
  :: s < N ->
#ifdef ONE
     n = 1;
#else
     if :: n = 1 :: n = 2 fi;
#endif
     if
     :: s + NEED > lim + CAP ->
        /* G2 without gating consumers: the first record boundary at or after m */
        m = (s + NEED + CHUNK > CAP -> s + NEED + CHUNK - CAP : 0);
        m = (m > s -> s : m);
#if V!=5
        do :: d_step { m < s && !starts[m] -> m++ } :: else -> break od;
#endif
#if V!=1
        gate = m;                                          /* G4 */
        /* G5 full fence, before a cell below m is overwritten */
#endif
        lim = m                                            /* G7 */
     :: else
     fi;
     /* F1..F3: write the payload, clear the next stamp word, store the stamp */
     i = 1;
     do
     :: i < n -> word[(s + i) % CAP] = G; size[(s + i) % CAP] = 99; body[(s + i) % CAP] = s + 1; i++
     :: else -> i = 0; break
     od;
     size[s % CAP] = n;
     body[s % CAP] = s + 1;
#ifndef ONE
     word[(s + n) % CAP] = 0;
#endif
     atomic { word[s % CAP] = s + 1; starts[s] = true };
#if V==1
     gate = lim;
#endif
     s = s + n; n = 0; m = 0;
     next = s
  od
}

/* O4: copies cell by cell. */
inline copy() {
  i = 0; ok = true;
  do
  :: i < l -> assert(i < MAXLEN); ok = ok && (body[(s + i) % CAP] == s + 1); i++
  :: else -> i = 0; break
  od
}

active proctype observer() {
  byte s, l, g, i, x; bool ok;
  byte read, lost;
  do
  :: g = gate;                                             /* O1 */
     if
     :: s < g ->
        lost = lost + (g - s); s = g
     :: else
     fi;
     g = 0;
     x = word[s % CAP];                                    /* O2 */
     if
     :: x == s + 1 || x == G ->
        l = size[s % CAP];                                  /* O3: load the length once */
#if V!=4
        if :: l < 1 || l > MAXLEN -> l = MAXLEN :: else fi;
#endif
#if V==7
        l = size[s % CAP];
#endif
#if V==3
        g = gate;
        copy();
#else
        copy();                                            /* O4; O5 acquire fence */
#if V==6
        g = (word[s % CAP] == x -> 0 : 255);
#else
        g = gate;                                          /* O6 */
#endif
#endif
#if V==2
        g = 0;
#endif
        if
        :: g > s -> skip                                   /* overrun: discard the copy */
        :: else ->
           assert(ok);                                     /* complete, and of this record */
           assert(starts[s]);
           read = read + l; s = s + l;
           assert(read + lost == s)
        fi;
        l = 0; g = 0; ok = false
     :: else ->                                            /* empty or overrun: O1 decides */
        if :: done && s >= gate && s == next -> break :: else fi
     fi;
     x = 0
  od
}
