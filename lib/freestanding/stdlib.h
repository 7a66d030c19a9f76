// SPDX-License-Identifier: Apache-2.0
/* For libfdt's headers, which ask for it by its hosted name. */
#pragma once
#include "lib/string.h"
