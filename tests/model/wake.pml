/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wake race, in the host's last stage of a suspend to RAM.
 *
 * A device raises an interrupt that is enabled as a wake source, at any moment: while the host still falls asleep,
 * between its check whether one is pending and its call of the firmware's SYSTEM_SUSPEND, on the firmware's way down,
 * or later. One CPU is left by then.
 *
 * An interrupt is `pending` in the interrupt controller until an unmasked CPU takes it; then it is `owed` to the domain
 * that it is for, until domains run again. What is owed wakes nobody: the controller has forgotten it. The firmware
 * arms the logic that wakes the machine, and that logic only sees what comes from then on: so the firmware has to look
 * once more, after arming.
 *
 * Each name after #ifdef or #ifndef below takes one of the precautions away. tests/model/run shows which of them are
 * needed.
 */

mtype = { AWAKE, FALLING, MASKED, CHECKED, FIRMWARE, ARMED, ASLEEP };

mtype at = AWAKE;         /* how far the host is */
bool masked = false;      /* the CPU takes no interrupt */
bool pending = false;
bool owed = false;
bool for_domu = false;    /* the latest interrupt is not dom0's */
bool armed = false;       /* the wake logic looks */
bool latched = false;     /* and has seen something */
bool spurious = false;    /* the machine wakes for no reason */
bool dom0_runs = true;

/* Nothing is asleep for ever while there is a reason to be awake. */
ltl no_wake_is_lost { [] ((pending -> <> !pending) && (owed -> <> !owed)) }
/* Only a host that sleeps for want of a reason keeps dom0 waiting. */
ltl dom0_runs_again { [] (!dom0_runs -> <> (dom0_runs || (at == ASLEEP && !pending && !owed))) }

/* Raises interrupts, as often as it likes: none, so that the host sleeps on, or for ever. */
active proctype device()
{
    do
    :: atomic {
        !pending ->
#ifdef NEVER_AT
        assert(at != NEVER_AT);
#endif
        pending = true;
        if
        :: for_domu = true
        :: for_domu = false
        fi;
        if
        :: armed -> latched = true
        :: else
        fi
    }
    :: break
    od
}

/* The machine may wake without a reason. Once or never: nothing may depend on it. */
active proctype noise()
{
    if
    :: atomic { at == ASLEEP -> spurious = true }
    :: skip
    fi
}

/* An unmasked CPU takes what is pending. No domain runs any more: it is owed. */
active proctype interrupt_controller()
{
    do
    :: atomic { pending && !masked && at != AWAKE && at != ASLEEP -> pending = false; owed = true }
    od
}

/* The firmware, as far as the host sees it: it refuses, or returns when there is a reason. */
inline system_suspend()
{
    at = FIRMWARE;
    if
    :: skip   /* DENIED, or not there */
    :: skip;
#ifdef RECHECK_BEFORE_ARMING
        if
        :: pending -> goto back
        :: else
        fi;
#endif
        at = ARMED;
        armed = true;
#if !defined(NO_RECHECK) && !defined(RECHECK_BEFORE_ARMING)
        if
        :: pending -> goto back
        :: else
        fi;
#endif
        at = ASLEEP;
        if
        :: latched
        :: spurious
        fi
    fi
}

active proctype host()
{
    do
    :: /* Domains run, and get what is theirs before one of them can ask again. */
        do
        :: owed -> owed = false
        :: !owed && pending -> pending = false
        :: !owed && !pending -> break
        od;

        /* dom0 asks. Domains are frozen, the other CPUs stop; interrupts are still taken. */
        atomic { at = FALLING; dom0_runs = false };
#ifndef NO_MASK
        masked = true;
#endif
        at = MASKED;
#ifndef NO_CHECK_OF_PENDING
        if
        :: pending -> goto back
        :: else
        fi;
#endif
#ifndef NO_CHECK_OF_OWED
        if
        :: owed -> goto back
        :: else
        fi;
#endif
        at = CHECKED;
        system_suspend();
back:
        atomic { armed = false; latched = false; spurious = false };
        masked = false;
#ifdef WAKE_OWNER_ONLY
        if
        :: for_domu -> at = AWAKE;
            do   /* awake for the domU alone */
            :: owed -> owed = false
            :: !owed && pending -> pending = false
            od
        :: else
        fi;
#endif
        atomic { at = AWAKE; dom0_runs = true }
    od
}
