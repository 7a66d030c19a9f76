// SPDX-License-Identifier: Apache-2.0
/* The hypervisor's name and version: for XENVER_* calls and under /buildinfo of hypfs. */
#pragma once

#include "lib/base.h"

#define VERSION_MAJOR 4   /* of the ABI, which is that of Xen 4.17 */
#define VERSION_MINOR 17
#define VERSION_EXTRA ".7-torpor"

#define VERSION_COMPILER   __VERSION__
#define VERSION_COMPILE_BY "torpor"
#define VERSION_DOMAIN     ""

/* The build gives these two; a build outside git has neither. */
#ifndef TORPOR_BUILD_DATE
#define TORPOR_BUILD_DATE ""
#endif
#ifndef TORPOR_CHANGESET
#define TORPOR_CHANGESET ""
#endif

/* The descriptor of the note that the linker writes (--build-id); torpor.lds names its ends. */
extern const uint8_t build_id_start[], build_id_end[];
