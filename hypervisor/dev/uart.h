// SPDX-License-Identifier: Apache-2.0
/* The UARTs that we can drive. */
#pragma once

#include "dev/console.h"
#include "lib/base.h"

struct dt_node;

struct uart_place {
    uint64_t base, size;       /* bytes, of all registers */
    unsigned shift, width;     /* of an NS16550: registers are 1 << shift bytes apart, and read by so many bytes */
};

struct uart_driver {
    const char *compatible;    /* the device tree's name; NULL: it has none */
    const char *name;          /* earlycon='s name */
    /*
     * Maps the registers and makes *u drive them. Speed and format stay the firmware's, but for a UART that is off.
     * -ENOMEM; -EINVAL: these are no such registers.
     */
    int (*open)(struct uart *u, const struct uart_place *at);
};

/* The driver of a device tree's node, or the first of a name; NULL: we have none. */
const struct uart_driver *uart_of_node(const struct dt_node *n);
const struct uart_driver *uart_of_name(const char *name);

int pl011_open(struct uart *u, const struct uart_place *at);
int sbsa_uart_open(struct uart *u, const struct uart_place *at);
int cadence_open(struct uart *u, const struct uart_place *at);
int ns16550_open(struct uart *u, const struct uart_place *at);
int dw_uart_open(struct uart *u, const struct uart_place *at);
/* A debugger or emulator that prints for us; no input. */
int semihosting_open(struct uart *u, const struct uart_place *at);
