// SPDX-License-Identifier: Apache-2.0
/* The process that attaches devices of a domain while its memory is restored (tools/attach.h). */
#pragma once

#include "sleep/sleep.h"

/* In the environment, from torpor(1): a program, and the last of its arguments, behind the domain's number. */
#define ATTACH_PROGRAM "TORPOR_ATTACH_PROGRAM"
#define ATTACH_CONFIG  "TORPOR_ATTACH_CONFIG"
#define ATTACH_NAME    "torpor-attach"   /* the first */

/* 0 when it is over and has done its work, or when there is none; or -errno with the reason in h->error. */
struct helper;
int attach_wait(struct helper *h);

/* It begins; and it is over. */
extern const struct sleep_stage attach_stage, attached_stage;
