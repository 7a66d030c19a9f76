// SPDX-License-Identifier: Apache-2.0
/* Memory of a guest, for unit tests of Dormouse: page tables of user programs have as many levels as on x86_64. */
#pragma once

enum { SPACE_LEVELS = 4 };
