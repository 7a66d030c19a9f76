// SPDX-License-Identifier: Apache-2.0
/*
 * NS16550 and its descendants: polled output, input by interrupt. Register names and bits: National Semiconductor
 * PC16550D, 8.0; where they stand and how wide they are is the board's choice. Synopsys' (DesignWare APB UART) has a
 * busy state besides, in which it takes no settings and interrupts until somebody reads its status register.
 */
#include "arch/io.h"
#include "dev/uart.h"
#include "lib/errno.h"
#include "mm/el2.h"

#define UART_RBR  0   /* read; with LCR_DLAB the divisor's low byte */
#define UART_THR  0   /* written */
#define UART_DLL  0
#define UART_IER  1
#define UART_DLM  1
#define UART_IIR  2   /* read */
#define UART_FCR  2   /* written */
#define UART_LCR  3
#define UART_MCR  4
#define UART_LSR  5
#define UART_COUNT 8
#define DW_USR    0x1f
#define DW_COUNT  0x20

#define IER_ERBFI 1u      /* characters received */
#define IIR_KIND  0xfu
#define IIR_BUSY  7u      /* Synopsys' */
#define FCR_ON    0x07u   /* FIFOs on and empty; an interrupt for each character */
#define LCR_DLAB  0x80u
#define MCR_ON    0x0bu   /* DTR, RTS, and OUT2, which lets interrupts out on a PC */
#define LSR_DR    0x01u
#define LSR_THRE  0x20u
#define LSR_TEMT  0x40u

static void *address(const struct uart *u, unsigned reg)
{
    return (uint8_t *)u->registers + (reg << u->shift);
}

static uint32_t reg_read(const struct uart *u, unsigned reg)
{
    return (u->width == 4 ? mmio_read32(address(u, reg)) : mmio_read8(address(u, reg))) & 0xff;
}

static void reg_write(const struct uart *u, unsigned reg, uint32_t value)
{
    if (u->width == 4)
        mmio_write32(value, address(u, reg));
    else
        mmio_write8((uint8_t)value, address(u, reg));
}

static void wait_for(const struct uart *u, uint32_t bit)
{
    for (unsigned i = 0; i < UART_TX_POLLS && !(reg_read(u, UART_LSR) & bit); i++)
        ;
}

static void ns16550_put(const struct uart *u, char c)
{
    wait_for(u, LSR_THRE);
    reg_write(u, UART_THR, (uint8_t)c);
}

static void ns16550_drain(const struct uart *u)
{
    wait_for(u, LSR_TEMT);
}

static int ns16550_get(const struct uart *u)
{
    return reg_read(u, UART_LSR) & LSR_DR ? (int)reg_read(u, UART_RBR) : -1;
}

static void ns16550_enable_input(const struct uart *u)
{
    reg_write(u, UART_IER, IER_ERBFI);
}

/* The interrupt is there as long as a character is. */
static void ns16550_acknowledge(const struct uart *u)
{
    (void)u;
}

static void dw_acknowledge(const struct uart *u)
{
    if ((reg_read(u, UART_IIR) & IIR_KIND) == IIR_BUSY)
        (void)reg_read(u, DW_USR);
}

enum { KEPT_IER, KEPT_LCR, KEPT_MCR, KEPT_DLL, KEPT_DLM };

static void ns16550_suspend(struct uart *u)
{
    ns16550_drain(u);
    u->kept[KEPT_IER] = reg_read(u, UART_IER);
    u->kept[KEPT_LCR] = reg_read(u, UART_LCR);
    u->kept[KEPT_MCR] = reg_read(u, UART_MCR);
    reg_write(u, UART_LCR, u->kept[KEPT_LCR] | LCR_DLAB);
    u->kept[KEPT_DLL] = reg_read(u, UART_DLL);
    u->kept[KEPT_DLM] = reg_read(u, UART_DLM);
    reg_write(u, UART_LCR, u->kept[KEPT_LCR]);
}

static void ns16550_resume(const struct uart *u)
{
    reg_write(u, UART_FCR, FCR_ON);
    reg_write(u, UART_LCR, u->kept[KEPT_LCR] | LCR_DLAB);
    reg_write(u, UART_DLL, u->kept[KEPT_DLL]);
    reg_write(u, UART_DLM, u->kept[KEPT_DLM]);
    reg_write(u, UART_LCR, u->kept[KEPT_LCR]);
    reg_write(u, UART_MCR, u->kept[KEPT_MCR]);
    reg_write(u, UART_IER, u->kept[KEPT_IER]);
}

static int open_any(struct uart *u, const struct uart_place *at, unsigned count)
{
    if ((at->width != 1 && at->width != 4) || at->shift > 4 || 1u << at->shift < at->width ||
        at->size < (((uint64_t)count - 1) << at->shift) + at->width || at->base & (at->width - 1))
        return -EINVAL;
    *u = (struct uart){
        .registers = el2_map_device(PADDR(at->base), at->size),
        .put = ns16550_put,
        .drain = ns16550_drain,
        .get = ns16550_get,
        .enable_input = ns16550_enable_input,
        .acknowledge = count == DW_COUNT ? dw_acknowledge : ns16550_acknowledge,
        .suspend = ns16550_suspend,
        .resume = ns16550_resume,
        .shift = at->shift,
        .width = at->width,
    };
    if (!u->registers)
        return -ENOMEM;
    ns16550_drain(u);   /* what the firmware said last is not lost with the FIFO */
    reg_write(u, UART_LCR, reg_read(u, UART_LCR) & ~LCR_DLAB);
    reg_write(u, UART_IER, 0);
    reg_write(u, UART_FCR, FCR_ON);
    reg_write(u, UART_MCR, MCR_ON);
    return 0;
}

int ns16550_open(struct uart *u, const struct uart_place *at)
{
    return open_any(u, at, UART_COUNT);
}

int dw_uart_open(struct uart *u, const struct uart_place *at)
{
    return open_any(u, at, DW_COUNT);
}
