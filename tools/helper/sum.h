// SPDX-License-Identifier: Apache-2.0
/*
 * The checksum of a record: XXH64 with seed 0, by the library's header (xxhash.h), so that a dom0 needs no other file.
 * It costs a fraction of copying the same bytes. It finds damage; it does not keep a forger out.
 */
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>
