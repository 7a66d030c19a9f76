/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a host on its partition, while power fails at any step (tools/hibernate.c, tools/keeper/save.c and
 * place.c).
 *
 * A disk has written what it was given when it likes, and in any order, until it is told to flush; without power what
 * has not arrived is lost. The partition has data, tables and a header, which are each image's number here, and the
 * header says whether it was used. The host's own disks go on whenever the host runs: an image of before that may not
 * be resumed any more. Of those, files are known to none but the host; but to mount their file system is to write its
 * superblock first, which the keeper compares. The image's partition may be away when the machine is switched on, and
 * there again the next time. Checksums are no part of this: they would find what the order lets through.
 *
 * NO_CLAIM: the header of the last image stays while the next one is written; it does no harm, being marked as used.
 * NO_FLUSH: the header does not wait for the rest of the image; NO_SETTLE: nor for what the host has written.
 * MARK_LATER: the image is marked as used when the host runs already. NO_COMPARE: superblocks are not looked at.
 */
#define DATA   0
#define TABLES 1
#define HEADER 2
#define SUPER  3   /* of the host's file systems */
#define FILES  4
#define PARTS  5

#define CLAIM         0
#define IMAGE(number) (2 * (number))
#define USED(number)  (2 * (number) + 1)
#define LIVES         4

byte given[PARTS], there[PARTS];
bool waiting[PARTS];       /* given, and not there */
byte host;                 /* how often the host has run: its files' state */
byte noted[LIVES + 1];     /* each image's note of the superblock */

inline give(part, value) { atomic { given[part] = value; waiting[part] = true } }

inline arrive(part) { atomic { waiting[part] -> there[part] = given[part]; waiting[part] = false } }

inline flush() { !waiting[DATA] && !waiting[TABLES] && !waiting[HEADER] }
inline settle() { !waiting[SUPER] && !waiting[FILES] }

inline power_may_fail() { if :: skip :: goto off fi }

active proctype disk()
{
    do
    :: arrive(DATA)
    :: arrive(TABLES)
    :: arrive(HEADER)
    :: arrive(SUPER)
    :: arrive(FILES)
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
    if
    :: image   /* it goes on with its file system mounted */
    :: else -> give(SUPER, host); power_may_fail(); !waiting[SUPER]
    fi;
    power_may_fail();
    give(FILES, host);
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
#ifndef NO_SETTLE
    settle();
    power_may_fail();
#endif
    noted[host] = given[SUPER];
#ifndef NO_FLUSH
    flush();
    power_may_fail();
#endif
    give(HEADER, IMAGE(host));
    power_may_fail();
    flush();

off:
    atomic {
        waiting[DATA] = false; waiting[TABLES] = false; waiting[HEADER] = false; waiting[SUPER] = false;
        waiting[FILES] = false
    };
    image = 0;
    if
    :: there[HEADER] != CLAIM && there[HEADER] % 2 == 0 -> image = there[HEADER] / 2
    :: true   /* there is none, or its partition is away: the host boots as usual */
    fi;
#ifndef NO_COMPARE
    if
    :: image && (noted[image] != there[SUPER]) -> image = 0   /* the image is left as it is */
    :: else
    fi;
#endif
    if
    :: image ->
        assert(there[DATA] == image && there[TABLES] == image);   /* never half of it */
        assert(there[FILES] == image);                            /* its disks are as they were */
        power_may_fail();
#ifndef MARK_LATER
        give(HEADER, USED(image));
        power_may_fail();
        flush();
        power_may_fail()
#endif
    :: else
    fi;
    goto runs;
enough:
    skip
}
