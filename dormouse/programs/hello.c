// SPDX-License-Identifier: Apache-2.0
/* The smallest program: it says so, and the domain ends. */
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"

int main(void)
{
    print("hello from Dormouse\n");
    return 0;
}
