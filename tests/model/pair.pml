/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of an event channel: connected, closed from either side at once, and one of the domains destroyed
 * meanwhile (hypervisor/vm/evtchn/evtchn.c: connect, port_lock_pair, port_disconnect).
 *
 * Port 0 is domain 0's and port 1 domain 1's. To close its port a domain takes its lock and, where it is connected, the
 * peer's: domain 0's, at the lower address, waits for the second; domain 1's tries, and lets go of the first if it does
 * not get it. Locks are fair here: nobody waits for one for ever that is given back again and again. Each end of a
 * connection holds a reference to the other's domain.
 *
 * TRY_BOTH: both ends only try. WAIT_BOTH: both wait. UNFINISHED: a destruction leaves its port as it is; NO_REFERENCE:
 * a connection holds nothing.
 */

mtype = { FREE, UNBOUND, CONNECTED };

mtype state[2] = UNBOUND;
byte next[2];         /* locks: the ticket that the next one draws, and the one that has its turn, modulo 4 */
byte turn[2];
byte refs[2] = 1;     /* the list's */
bool dying[2];
bool closing[2];

#define freed(d) (refs[d] == 0)

/* Of two who close the two ends, one gets on: however often the other end is connected anew. */
ltl one_gets_on { [] ((closing[0] && closing[1]) -> <> (!closing[0] || !closing[1])) }

#define is_held(p) (next[p] != turn[p])

inline acquire(p)
{
    atomic { assert(!freed(p)); ticket = next[p]; next[p] = (next[p] + 1) % 4 };
    turn[p] == ticket
}

inline release(p)
{
    atomic { assert(is_held(p)); turn[p] = (turn[p] + 1) % 4 }
}

/* Under both locks. The references go once both are let go. */
inline disconnect(own, peer, had)
{
    atomic {
        assert(state[peer] == CONNECTED && !freed(peer));
        state[peer] = UNBOUND;
        had = true
    }
}

/* Tries for the peer's lock; -DTRY_BOTH: so does domain 0. */
inline try_acquire(peer, got)
{
    atomic {
        assert(!freed(peer));
        got = !is_held(peer);
        next[peer] = (next[peer] + (got -> 1 : 0)) % 4
    }
}

inline acquire_second(own, peer, got)
{
#if defined(WAIT_BOTH)
    acquire(peer);
    got = true
#elif defined(TRY_BOTH)
    try_acquire(peer, got)
#else
    if
    :: own == 0 -> acquire(peer); got = true
    :: own == 1 -> try_acquire(peer, got)
    fi
#endif
}

inline close(own, peer, had, got)
{
    had = false;
    closing[own] = true;
    do
    :: acquire(own);
        if
        :: state[own] != CONNECTED -> break
        :: else ->
            acquire_second(own, peer, got);
            if
            :: got -> disconnect(own, peer, had); release(peer); break
            :: else -> release(own)
            fi
        fi
    od;
    state[own] = FREE;
    release(own);
    closing[own] = false;
#ifndef NO_REFERENCE
    if
    :: had -> atomic { refs[0]--; refs[1]-- }
    :: else
    fi
#endif
}

/* Who calls has a reference to the other domain while it does. */
inline connect(own, peer)
{
    atomic {
        if
        :: freed(peer) || dying[own] -> skip
        :: else ->
            if
            :: state[own] == FREE && state[peer] == UNBOUND && !is_held(own) && !is_held(peer) ->
                state[own] = CONNECTED; state[peer] = CONNECTED;
#ifndef NO_REFERENCE
                refs[0]++; refs[1]++
#endif
            :: state[own] == FREE && state[peer] == FREE && !is_held(own) -> state[own] = UNBOUND
            :: else
            fi
        fi
    }
}

active [2] proctype domain()
{
    bool had, got, last = false;
    byte ticket;

    do
    :: connect(_pid, (1 - _pid))
    :: if
        :: skip
        :: last = true; dying[_pid] = true
        fi;
#ifdef UNFINISHED
        if
        :: last -> break
        :: else
        fi;
#endif
        close(_pid, (1 - _pid), had, got);
        if
        :: last -> assert(state[_pid] == FREE); break
        :: else
        fi
    :: break
    od;
    if
    :: last -> refs[_pid]--
    :: else
    fi
}
