// SPDX-License-Identifier: Apache-2.0
/*
 * The hypervisor's console: the UART, which shows the hypervisor's output (base/printk.h) and dom0's, and whose input
 * goes to dom0, or to the hypervisor's own keys after three times Ctrl-a.
 */
#pragma once

#include "lib/base.h"

/* dom0's output: as it is. */
void console_raw_write(const char *text, size_t n);

/* Input waiting for dom0 (CONSOLEIO_read): how many characters were stored. */
size_t console_guest_read(char *buf, size_t size);

/* XEN_SYSCTL_debug_keys and the UART's own keys. */
void console_debug_key(char key);
/* A subsystem's dump, beside its state: `show` is called with the key, no lock held. -EBUSY, -ENOSPC. At boot. */
int console_key_register(char key, void (*show)(char key), const char *help);

/* Polls for room; a character takes 1 ms at 9600 baud. A UART that never has room loses output, not the machine. */
#define UART_TX_POLLS 1000000u

/* A UART's driver (dev/uart.h); called under the console's lock. */
struct uart {
    void *registers;
    uint8_t shift, width;                             /* dev/uart.h's, of an NS16550 */
    void (*put)(const struct uart *u, char c);        /* waits for room, not for ever */
    void (*drain)(const struct uart *u);              /* waits until all is sent, not for ever */
    int (*get)(const struct uart *u);                 /* -1: nothing there */
    void (*enable_input)(const struct uart *u);       /* interrupt on received characters */
    void (*acknowledge)(const struct uart *u);        /* that interrupt */
    void (*suspend)(struct uart *u);                  /* waits until all is sent, and keeps the registers */
    void (*resume)(const struct uart *u);
    uint32_t kept[6];                                 /* suspend's */
};

/*
 * Before the device tree is read output only goes to the ring; console_start_uart() then prints it. Keeps a copy of *u.
 */
void console_start_uart(const struct uart *u);
/* Once the UART's interrupt is requested: characters received cause it from now on. */
void console_enable_input(void);
/* The UART's interrupt. */
void console_interrupt(void);

/*
 * dom0 is there. switch_letter (a..z, 0: none): Ctrl- with it, three times, moves the input; to_dom0: dom0 has it
 * first. typed: characters are waiting for dom0 (VIRQ_CONSOLE); called with no lock held.
 */
void console_connect_dom0(char switch_letter, bool to_dom0, void (*typed)(void));

/*
 * A host sleep: all printed text is out before, and the UART is as it was after. Output in between only goes to the
 * ring.
 */
struct sleep_stage;
extern const struct sleep_stage console_stage;
