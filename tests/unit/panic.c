// SPDX-License-Identifier: Apache-2.0
/* A panic ends the program, unless a test expects it (expect_assert_failure). Some tests have one of their own. */
#include "lib/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((weak)) void panic(const char *fmt, ...)
{
    va_list ap;

    if (global_expecting_assert)
        mock_assert(0, "panic", __FILE__, __LINE__);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    abort();
}
