// SPDX-License-Identifier: Apache-2.0
/*
 * The UART of Zynq, ZynqMP and their kin (Cadence): polled output, input by interrupt. Register names and bits: UG585,
 * appendix B.33, and UG1087, "UART".
 */
#include "arch/io.h"
#include "dev/uart.h"
#include "lib/errno.h"
#include "mm/el2.h"

#define UART_CR      0x00
#define UART_MR      0x04
#define UART_IER     0x08   /* sets bits of the mask */
#define UART_IDR     0x0c   /* clears them */
#define UART_IMR     0x10
#define UART_ISR     0x14
#define UART_BAUDGEN 0x18
#define UART_RXWM    0x20   /* so many characters cause INT_RXTRIG */
#define UART_SR      0x2c
#define UART_FIFO    0x30
#define UART_BAUDDIV 0x34
#define UART_SIZE    0x48

#define CR_RXRST     BIT(0)
#define CR_TXRST     BIT(1)
#define CR_RXEN      BIT(2)
#define CR_RXDIS     BIT(3)
#define CR_TXEN      BIT(4)
#define CR_TXDIS     BIT(5)
#define MR_8N1       0x20u
#define SR_RXEMPTY   BIT(1)
#define SR_TXEMPTY   BIT(3)
#define SR_TXFULL    BIT(4)
#define SR_TXACTIVE  BIT(11)
#define INT_RXTRIG   1u
#define INT_ALL      0x1fffu

static uint32_t reg_read(const struct uart *u, unsigned offset)
{
    return mmio_read32((uint8_t *)u->registers + offset);
}

static void reg_write(const struct uart *u, unsigned offset, uint64_t value)
{
    mmio_write32((uint32_t)value, (uint8_t *)u->registers + offset);
}

static void cadence_put(const struct uart *u, char c)
{
    for (unsigned i = 0; i < UART_TX_POLLS && reg_read(u, UART_SR) & SR_TXFULL; i++)
        ;
    reg_write(u, UART_FIFO, (uint8_t)c);
}

static void cadence_drain(const struct uart *u)
{
    for (unsigned i = 0; i < UART_TX_POLLS && (reg_read(u, UART_SR) & (SR_TXEMPTY | SR_TXACTIVE)) != SR_TXEMPTY; i++)
        ;
}

static int cadence_get(const struct uart *u)
{
    if (reg_read(u, UART_SR) & SR_RXEMPTY)
        return -1;
    return (int)(reg_read(u, UART_FIFO) & 0xff);
}

static void cadence_enable_input(const struct uart *u)
{
    reg_write(u, UART_RXWM, 1);
    reg_write(u, UART_IER, INT_RXTRIG);
}

/* The bit stays until it is cleared, and comes again while characters are there: cleared first, read then. */
static void cadence_acknowledge(const struct uart *u)
{
    reg_write(u, UART_ISR, INT_RXTRIG);
}

static const unsigned kept_registers[] = { UART_MR, UART_BAUDGEN, UART_BAUDDIV, UART_RXWM };
enum { KEPT_IMR = ARRAY_SIZE(kept_registers), KEPT_CR };

static void cadence_suspend(struct uart *u)
{
    cadence_drain(u);
    for (unsigned i = 0; i < ARRAY_SIZE(kept_registers); i++)
        u->kept[i] = reg_read(u, kept_registers[i]);
    u->kept[KEPT_IMR] = reg_read(u, UART_IMR);
    u->kept[KEPT_CR] = reg_read(u, UART_CR);
}

/* Divisors and mode are written while it is off (UG585 19.3.1). */
static void cadence_resume(const struct uart *u)
{
    reg_write(u, UART_CR, CR_RXDIS | CR_TXDIS);
    for (unsigned i = 0; i < ARRAY_SIZE(kept_registers); i++)
        reg_write(u, kept_registers[i], u->kept[i]);
    reg_write(u, UART_IDR, INT_ALL);
    reg_write(u, UART_IER, u->kept[KEPT_IMR]);
    reg_write(u, UART_CR, u->kept[KEPT_CR]);
}

static void cadence_switch_on(const struct uart *u)
{
    uint64_t on = CR_RXEN | CR_TXEN, off = CR_RXDIS | CR_TXDIS, cr = reg_read(u, UART_CR);

    if ((cr & (on | off)) == on)
        return;
    reg_write(u, UART_MR, MR_8N1);
    reg_write(u, UART_CR, (cr & ~off) | on | CR_RXRST | CR_TXRST);
}

int cadence_open(struct uart *u, const struct uart_place *at)
{
    if (at->size < UART_SIZE)
        return -EINVAL;
    *u = (struct uart){
        .registers = el2_map_device(PADDR(at->base), at->size),
        .put = cadence_put,
        .drain = cadence_drain,
        .get = cadence_get,
        .enable_input = cadence_enable_input,
        .acknowledge = cadence_acknowledge,
        .suspend = cadence_suspend,
        .resume = cadence_resume,
    };
    if (!u->registers)
        return -ENOMEM;
    reg_write(u, UART_IDR, INT_ALL);
    reg_write(u, UART_ISR, INT_ALL);
    cadence_switch_on(u);
    return 0;
}
