/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's reset of its event channels against its destruction (hypervisor/vm/evtchn/evtchn.c: close_all).
 *
 * A walk closes ports one by one, each under the domain's lock, and may be preempted in between: the hypercall then
 * goes back to its caller, who calls again, or never does. Two vCPUs reset, a third opens ports again, and the
 * toolstack may reset, too, and destroys the domain at any moment: it pauses it, which waits until no vCPU is in a
 * hypercall, forbids new ports, and walks. Once that walk is through the domain's memory is freed, and a port that is
 * still in use is one that a peer points to.
 *
 * SHARED_CURSOR: the walk's place is kept in the domain. NO_DYING: ports are opened by others' help (alloc_unbound by
 * the toolstack) also during the destruction.
 */

#define PORTS 4

bool used[PORTS];
bool dying = false;
bool paused = false;
byte inside = 0;      /* vCPUs in a hypercall */
bool freed = false;
byte cursor = 0;      /* SHARED_CURSOR's */

/* Under the domain's lock: closes the first port in use at or after `next`; `done`: there is none. */
inline close_next(next, done)
{
    atomic {
#ifdef SHARED_CURSOR
        next = cursor;
#endif
        do
        :: next < PORTS && !used[next] -> next++
        :: else -> break
        od;
        if
        :: next == PORTS -> done = true; cursor = 0
        :: else -> used[next] = false; next++; cursor = next
        fi
    }
}

inline walk(next, done)
{
    next = 0;
    done = false;
    do
    :: done -> break
    :: !done -> close_next(next, done);
        if
        :: skip
        :: !done -> break   /* preempted */
        fi
    od
}

inline open()
{
    atomic {
        if
#ifndef NO_DYING
        :: dying
        :: !dying && !used[0] -> used[0] = true
        :: !dying && !used[PORTS - 1] -> used[PORTS - 1] = true
        :: !dying && used[0] && used[PORTS - 1]
#else
        :: !used[0] -> used[0] = true
        :: !used[PORTS - 1] -> used[PORTS - 1] = true
        :: used[0] && used[PORTS - 1]
#endif
        fi
    }
}

active [2] proctype resetter()
{
    byte next;
    bool done;

    do
    :: atomic { !paused -> inside++ };
        walk(next, done);
        inside--
    :: break
    od
}

active proctype opener()
{
    do
    :: atomic { !paused -> inside++ };
        open();
        inside--
    :: break
    od
}

/* A privileged domain, with a reference, whatever becomes of the domain. */
active proctype toolstack()
{
    byte next;
    bool done;

    do
    :: !freed -> walk(next, done)
    :: !freed -> open()
    :: break
    od
}

active proctype destroyer()
{
    byte next;
    bool done = false;
    byte i;

    paused = true;
    inside == 0;
    dying = true;
    do
    :: !done -> walk(next, done)
    :: done -> break
    od;
    atomic {
        i = 0;
        do
        :: i < PORTS -> assert(!used[i]); i++
        :: else -> break
        od;
        freed = true
    }
}
