/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a host on its partition, while power fails at any step (tools/hibernate.c, tools/keeper/save.c and
 * place.c).
 *
 * A disk has written what it was given when it likes, and in any order, until it is told to flush; without power what
 * has not arrived is lost. The partition has data, tables and a header, which are each image's number here, and the
 * header says whether it was used. The host's own disks go on whenever the host runs: an image of before that may not
 * be resumed any more. Checksums are no part of this: they would find what the order lets through.
 *
 * NO_CLAIM: the header of the last image stays while the next one is written; it does no harm, being marked as used.
 * NO_FLUSH: the header does not wait for the rest. MARK_LATER: the image is marked as used when the host runs already.
 */
#define DATA   0
#define TABLES 1
#define HEADER 2
#define PARTS  3

#define CLAIM         0
#define IMAGE(number) (2 * (number))
#define USED(number)  (2 * (number) + 1)
#define LIVES         4

byte given[PARTS], there[PARTS];
bool waiting[PARTS];   /* given, and not there */
byte host;             /* how often the host has run: its disks' state */

inline give(part, value) { atomic { given[part] = value; waiting[part] = true } }

inline arrive(part) { atomic { waiting[part] -> there[part] = given[part]; waiting[part] = false } }

inline flush() { !waiting[DATA] && !waiting[TABLES] && !waiting[HEADER] }

inline power_may_fail() { if :: skip :: goto off fi }

active proctype disk()
{
    do
    :: arrive(DATA)
    :: arrive(TABLES)
    :: arrive(HEADER)
    od
}

active proctype machine()
{
    byte image;

runs:
    if
    :: host == LIVES -> goto enough
    :: else -> host++
    fi;
#ifdef MARK_LATER
    power_may_fail();
    if
    :: image -> give(HEADER, USED(image)); image = 0
    :: else
    fi;
    flush();
#endif
    power_may_fail();
#ifndef NO_CLAIM
    give(HEADER, CLAIM);
    power_may_fail();
    flush();
#endif
    power_may_fail();
    give(DATA, host);
    power_may_fail();
    give(TABLES, host);
    power_may_fail();
#ifndef NO_FLUSH
    flush();
    power_may_fail();
#endif
    give(HEADER, IMAGE(host));
    power_may_fail();
    flush();

off:
    atomic { waiting[DATA] = false; waiting[TABLES] = false; waiting[HEADER] = false };
    image = 0;
    if
    :: there[HEADER] != CLAIM && there[HEADER] % 2 == 0 ->
        image = there[HEADER] / 2;
        assert(there[DATA] == image && there[TABLES] == image);   /* never half of it */
        assert(image == host);                                    /* its disks are as they were */
        power_may_fail();
#ifndef MARK_LATER
        give(HEADER, USED(image));
        power_may_fail();
        flush();
        power_may_fail()
#endif
    :: else   /* boots as usual */
    fi;
    goto runs;
enough:
    skip
}
