// SPDX-License-Identifier: Apache-2.0
/* The one list of UARTs. */
#include "dev/uart.h"

#include "lib/devicetree.h"
#include "lib/string.h"

static const struct uart_driver drivers[] = {
    { "arm,pl011", "pl011", pl011_open },
    { "arm,sbsa-uart", "sbsa", sbsa_uart_open },
    { "arm,pl011-axi", "sbsa", sbsa_uart_open },
    { "xlnx,zynqmp-uart", "cadence", cadence_open },
    { "cdns,uart-r1p12", "cadence", cadence_open },
    { "cdns,uart-r1p8", "cadence", cadence_open },
    { "snps,dw-apb-uart", "dw-apb", dw_uart_open },
    { "ns16550a", "ns16550", ns16550_open },
    { "ns16550", "ns16550", ns16550_open },
    { NULL, "semihosting", semihosting_open },
};

const struct uart_driver *uart_of_node(const struct dt_node *n)
{
    for (unsigned i = 0; i < ARRAY_SIZE(drivers); i++)
        if (drivers[i].compatible && dt_is_compatible(n, drivers[i].compatible))
            return &drivers[i];
    return NULL;
}

const struct uart_driver *uart_of_name(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(drivers); i++)
        if (!strcmp(drivers[i].name, name))
            return &drivers[i];
    return NULL;
}
