/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a frame is (hypervisor/mm/frames.c): its word has count, owner and state, and changes by compare-and-swap; an
 * owner's list and total change under the owner's lock, free frames under the allocator's. A frame goes to the
 * allocator when its count comes to 0.
 *
 * Domain 1 has two vCPUs that populate and give back, at two guest frames, and a toolstack that makes it a large block
 * (both frames, one by one) or destroys it; somebody else maps what it has. Domain 2 takes what is free. A step is what
 * the hardware does at once.
 *
 * Each name after #ifdef or #ifndef below takes one of the precautions away. tests/model/run shows that they are
 * needed.
 */

#define FRAMES 2
#define NONE   FRAMES
#define CALLS  2     /* of each vCPU */

mtype = { FREE, TAKEN, OWNED, RELEASED };   /* TAKEN: off the free list, and nobody's yet */

typedef word { byte refs; byte owner; mtype state };
word frame[FRAMES];
bool listed[FRAMES];               /* in its owner's list */
byte total[3];                     /* of each owner */
bool locked[3];                    /* each owner's lock */
bool dying = false;                /* domain 1 */

bool p2m_locked = false, p2m_dying = false;
byte mapped[2] = NONE;             /* what domain 1's guest frames map to */

bool large_locked = false, large_begun = false;
byte large_ready = 0;

#define LOCK(l)   atomic { !l -> l = true }
#define UNLOCK(l) l = false

/* What is mapped is the domain's, and not yet released: whenever anybody could look. */
#define SOUND(g)  (mapped[g] == NONE || (frame[mapped[g]].state == OWNED && frame[mapped[g]].owner == 1))

inline take(taken)
{
    taken = NONE;
    if
    :: atomic { frame[0].state == FREE -> frame[0].state = TAKEN; taken = 0 }
    :: atomic { frame[1].state == FREE -> frame[1].state = TAKEN; taken = 1 }
    :: skip
    fi
}

/* block_free(): freed once, and by nobody who was not the last. */
inline give(given)
{
    atomic {
        assert(frame[given].state == TAKEN || (frame[given].state == RELEASED && frame[given].refs == 0));
        assert(!listed[given]);
        frame[given].state = FREE
    }
}

/* block_assign() */
inline assign(new, to, may)
{
    LOCK(locked[to]);
    may = !(to == 1 && dying);
    if
    :: may ->
        total[to]++;
        atomic { frame[new].refs = 1; frame[new].owner = to; frame[new].state = OWNED };
        listed[new] = true
    :: else
    fi;
    UNLOCK(locked[to]);
    if
    :: !may -> give(new); new = NONE
    :: else
    fi
}

inline put(held)
{
    d_step {
        assert(frame[held].refs > 0);
        frame[held].refs--;
        last = frame[held].refs == 0;
        whose = frame[held].owner
    };
    if
    :: last ->
        assert(frame[held].state == RELEASED);
        LOCK(locked[whose]);
        assert(total[whose] > 0);
        total[whose]--;
        UNLOCK(locked[whose]);
        give(held)
    :: else
    fi
}

/* frame_release(): the allocation's own reference, once. */
inline release(old, whom)
{
    LOCK(locked[whom]);
    if
    :: atomic { frame[old].state == OWNED && frame[old].owner == whom ->
#ifndef RELEASE_WITHOUT_STATE
        frame[old].state = RELEASED;
#endif
        mine = true }
    :: else -> mine = false
    fi;
#ifdef RELEASE_WITHOUT_STATE
    frame[old].state = RELEASED;
#endif
    if
    :: mine -> assert(listed[old]); listed[old] = false
    :: else
    fi;
    UNLOCK(locked[whom]);
    if
    :: mine -> put(old)
    :: else
    fi
}

/* memory_populate(), with enough tables or not. */
inline populate(at)
{
    take(f);
    if
    :: f != NONE -> assign(f, 1, ok)
    :: else
    fi;
    if
    :: f != NONE ->
        LOCK(p2m_locked);
        if
        :: p2m_dying || mapped[at] != NONE -> ok = false   /* refused */
#ifdef UNDO_OUTSIDE
        /* a part of it; the tables do not suffice for the rest */
        :: !p2m_dying && mapped[at] == NONE -> mapped[at] = f;
            UNLOCK(p2m_locked);
            LOCK(p2m_locked);
            mapped[at] = NONE;
            ok = false
#else
        :: !p2m_dying && mapped[at] == NONE -> ok = false        /* no tables: nothing was mapped */
#endif
        :: !p2m_dying && mapped[at] == NONE -> mapped[at] = f; ok = true
        fi;
        UNLOCK(p2m_locked);
        if
        :: !ok -> release(f, 1)
        :: else
        fi
    :: else
    fi
}

/* memory_decrease() */
inline decrease(at)
{
    LOCK(p2m_locked);
    f = mapped[at];
    mapped[at] = NONE;
#ifdef RELEASE_OUTSIDE
    UNLOCK(p2m_locked);
#endif
    if
    :: f != NONE -> release(f, 1)
    :: else
    fi;
#ifndef RELEASE_OUTSIDE
    UNLOCK(p2m_locked)
#endif
}

proctype vcpu(byte g)
{
    byte f, whose, n = 0;
    bool ok, mine, last;

    do
    :: n < CALLS -> n++;
        if
        :: populate(g)
        :: populate(1 - g)
        :: decrease(g)
        :: decrease(1 - g)
        fi
    :: break
    od
}

/* Maps a page of domain 1's, as a grant: the reference keeps it whose it was. */
proctype mapper()
{
    byte f, whose, n = 0;
    bool last, got;

    do
    :: n < CALLS -> n++;
        LOCK(p2m_locked);
        atomic {
            f = mapped[0];
            got = f != NONE && frame[f].refs > 0 && frame[f].owner == 1;
            if
            :: got -> frame[f].refs++
            :: else
            fi
        };
        UNLOCK(p2m_locked);
        if
        :: got -> assert(frame[f].owner == 1 && (frame[f].state == OWNED || frame[f].state == RELEASED)); put(f)
        :: else
        fi
    :: break
    od
}

/* large_end(): what is not the owner's yet goes back. */
inline large_finish()
{
    if
    :: large_begun ->
        large_begun = false;
        do
        :: large_ready < FRAMES -> give(large_ready); large_ready++
        :: else -> break
        od
    :: else
    fi
}

/* frames_alloc_large(), a slice at a time: another call, or the destruction, may come in between. */
inline large_step()
{
#ifndef LARGE_WITHOUT_LOCK
    LOCK(large_locked);
#endif
    if
    :: atomic { !large_begun && frame[0].state == FREE && frame[1].state == FREE ->
        frame[0].state = TAKEN; frame[1].state = TAKEN; large_begun = true; large_ready = 0 }
    :: else
    fi;
    if
    :: large_begun ->
        f = large_ready;
        LOCK(locked[1]);
        ok = !dying;
        if
        :: ok ->
            total[1]++;
            atomic { frame[f].refs = 1; frame[f].owner = 1; frame[f].state = OWNED };
            listed[f] = true;
            large_ready++
        :: else
        fi;
        UNLOCK(locked[1]);
        if
        :: !ok || large_ready == FRAMES -> large_finish()
        :: else
        fi
    :: else
    fi;
#ifndef LARGE_WITHOUT_LOCK
    UNLOCK(large_locked)
#endif
}

proctype toolstack()
{
    byte f, n = 0;
    bool ok;

    do
    :: n < CALLS -> n++; large_step()
    :: break
    od
}

/* Destroys domain 1: nothing more, no mappings, no large block, no pages. What others hold goes when they let go. */
proctype destroyer()
{
    byte f, whose;
    bool mine, last;

    LOCK(locked[1]);
    dying = true;
    UNLOCK(locked[1]);
    LOCK(p2m_locked);
    p2m_dying = true;
    mapped[0] = NONE;
    mapped[1] = NONE;
    UNLOCK(p2m_locked);
#ifndef LARGE_WITHOUT_LOCK
    LOCK(large_locked);
#endif
    large_finish();
#ifndef LARGE_WITHOUT_LOCK
    UNLOCK(large_locked);
#endif
    do
    :: listed[0] && frame[0].owner == 1 -> release(0, 1)
    :: listed[1] && frame[1].owner == 1 -> release(1, 1)
    :: else -> break
    od
}

/* Domain 2: takes what is free, and lets go of it. */
proctype another()
{
    byte f, whose, n = 0;
    bool ok, mine, last;

    do
    :: n < CALLS -> n++;
        take(f);
        if
        :: f != NONE -> assign(f, 2, ok);
            assert(frame[f].state == OWNED && frame[f].owner == 2);
            release(f, 2)
        :: else
        fi
    :: break
    od
}

proctype watch()
{
    assert(SOUND(0) && SOUND(1))
}

init
{
    atomic {
        frame[0].state = FREE;
        frame[1].state = FREE;
        run vcpu(0);
#ifdef WITH_ANOTHER_VCPU
        run vcpu(1);
#endif
#ifdef WITH_MAPPER
        run mapper();
#endif
#ifdef WITH_LARGE
        run toolstack();
#endif
#ifdef WITH_ANOTHER
        run another();
#endif
        run destroyer();
        run watch()
    };
    /* All are through: nothing is anybody's. */
    (_nr_pr == 1) -> assert(frame[0].state == FREE && frame[1].state == FREE && total[1] == 0 && total[2] == 0)
}
