// SPDX-License-Identifier: Apache-2.0
#include "dormouse/dormouse.h"
#include "tests/guests/tap.h"
void guest_main(void)
{
    tap_begin("hypercalls");
    expect_equal("x", 1, 1);
    tap_end();
}
