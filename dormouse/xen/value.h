// SPDX-License-Identifier: Apache-2.0
/* Text of back ends in xenstore, which may be anything, as values. Pure. */
#pragma once
#include "lib/base.h"

/* Decimal digits and nothing else, at most `most`; false leaves the value as it was. */
bool value_number(const char *text, uint64_t most, uint64_t *value);

/* "00:16:3e:01:02:03": six bytes of two hexadecimal digits. */
bool value_mac(const char *text, uint8_t mac[6]);
