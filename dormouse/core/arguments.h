// SPDX-License-Identifier: Apache-2.0
/* The guest's command line, which the domain's configuration calls extra=: words, of the form NAME or NAME=VALUE. */
#pragma once
#include "lib/base.h"

/* The text behind NAME=, up to the next blank or the end; NULL: the word is missing. */
const char *argument_text(const char *name);
/* The number (decimal, or 0x) behind NAME=; `otherwise` where the word is missing. */
uint64_t argument_number(const char *name, uint64_t otherwise);
