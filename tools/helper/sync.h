// SPDX-License-Identifier: Apache-2.0
/*
 * The answer to a stream's SYNC. Between sender and receiver stand pipes, sockets and ssh, which take megabytes long
 * before the receiver has them; what is on its way when a guest is told to stand still, it stands still for. So a round
 * of a migration is over when the receiver says that it has come to its end.
 *
 * The answer goes back by torpor(1)'s own connection: the receiver's helper reports the SYNC, its torpor says these
 * words, and the sender's helper hears them at the end that its torpor has named (helper_options.back).
 */
#pragma once

#define SYNC_HERE "torpor migration receiver 2: here\n"

/* The receiver has all that was sent; or there is nobody to ask. 0, or -errno with the reason in h->error. */
struct helper;
int sync_with_receiver(struct helper *h);

/*
 * It is asked, and its answer is for torpor(1) to pass over. Behind the helper's last word libxl sends some bytes of
 * its own, which a TCP holds back until the word before has been acknowledged. A receiver that has nothing to say puts
 * that off for 40 ms, for which the guest would stand still; an answer takes the acknowledgement with it.
 */
int sync_unheard(struct helper *h);
