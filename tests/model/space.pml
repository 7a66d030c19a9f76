/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dormouse's freezer against updates of page tables (dormouse/core/thread.c: may_run, all_frozen; core/space.c). Two
 * threads on two CPUs change tables, preempted between any two steps, while the guest is suspended twice and each time
 * goes on in another life, with other frames of the machine. Nobody may keep the number of a frame of an old life, and
 * the tools may not find a table half changed.
 *
 * NO_HOLD: an update is not between hold and release. LOCK_FIRST: the tables' lock is taken before the hold.
 */

#define UPDATES 2
#define SLEEPS  2

byte life = 1;
bool running[2] = true;
bool over[2];
byte holds[2];
bool freezing;
byte frame[2];        /* the life that the number in the thread's registers is of; 0: it has none */
bool half;            /* a table is changed half */
byte owner;           /* of the tables' lock, plus one */

#define may_run(t)   (!freezing || holds[t])
#define is_frozen(t) (over[t] || (!running[t] && !holds[t]))

/* One of a thread's steps: it may take it while it has a CPU. */
#define STEP(what) atomic { running[_pid] -> what }

inline lock() { atomic { running[_pid] && !owner -> owner = _pid + 1 } }

inline hold()
{
#ifdef NO_HOLD
    skip
#else
    STEP(holds[_pid]++)
#endif
}

inline release()
{
#ifdef NO_HOLD
    skip
#else
    STEP(holds[_pid]--)
#endif
}

active [2] proctype updater()
{
    byte n;

    do
    :: n < UPDATES ->
#ifdef LOCK_FIRST
        lock(); hold();
#else
        hold(); lock();
#endif
        STEP(frame[_pid] = life);
        STEP(half = true);
        STEP(assert(frame[_pid] == life); half = false);
        STEP(frame[_pid] = 0);
        STEP(owner = 0);
        release();
        n++
    :: else -> break
    od;
    over[_pid] = true
}

/* Gives and takes the CPUs, by itself or because somebody asked: for whoever waits for a lock, too. */
active proctype scheduler()
{
end:
    do
    :: atomic { running[0] && !may_run(0) -> running[0] = false }
    :: atomic { running[1] && !may_run(1) -> running[1] = false }
    :: atomic { !running[0] && may_run(0) -> running[0] = true }
    :: atomic { !running[1] && may_run(1) -> running[1] = true }
    od
}

active proctype sleeper()
{
    byte n;

    do
    :: n < SLEEPS ->
        freezing = true;
        atomic { is_frozen(0) && is_frozen(1) -> skip };
        assert(!half && !frame[0] && !frame[1]);
        life++;
        freezing = false;
        n++
    :: else -> break
    od
}
