// SPDX-License-Identifier: Apache-2.0
/* What libfdt's headers ask for by its hosted name. */
#pragma once
#include "lib/string.h"
