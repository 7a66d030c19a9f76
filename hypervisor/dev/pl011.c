// SPDX-License-Identifier: Apache-2.0
/*
 * PL011 and SBSA UART: polled output, input by interrupt. The SBSA UART has no control and line registers:
 * it is always on, so only the full PL011 is switched on here. Register names and bits: PL011 TRM DDI 0183G, 3.3; the
 * subset: DEN0094 B.3.
 */
#include "arch/io.h"
#include "dev/uart.h"
#include "lib/errno.h"
#include "mm/el2.h"

#define UARTDR    0x000
#define UARTFR    0x018
#define UARTIBRD  0x024
#define UARTFBRD  0x028
#define UARTLCR_H 0x02c
#define UARTCR    0x030
#define UARTIFLS  0x034
#define UARTIMSC  0x038
#define UARTICR   0x044
#define UART_SIZE 0x048

#define FR_BUSY   BIT(3)
#define FR_RXFE   BIT(4)
#define FR_TXFF   BIT(5)
#define LCR_H_FEN (1u << 4)
#define LCR_H_8   (3u << 5)
#define CR_UARTEN (1u << 0)
#define CR_TXE    (1u << 8)
#define CR_RXE    (1u << 9)
#define INT_RX    (1u << 4)
#define INT_RT    (1u << 6)
#define INT_ALL   0x7ffu

static uint8_t *registers(const struct uart *u)
{
    return u->registers;
}

static void pl011_put(const struct uart *u, char c)
{
    for (unsigned i = 0; i < UART_TX_POLLS && mmio_read32(registers(u) + UARTFR) & FR_TXFF; i++)
        ;
    mmio_write32((uint8_t)c, registers(u) + UARTDR);
}

static void wait_until_sent(const struct uart *u)
{
    for (unsigned i = 0; i < UART_TX_POLLS && mmio_read32(registers(u) + UARTFR) & FR_BUSY; i++)
        ;
}

static int pl011_get(const struct uart *u)
{
    if (mmio_read32(registers(u) + UARTFR) & FR_RXFE)
        return -1;
    return (int)(mmio_read32(registers(u) + UARTDR) & 0xff);
}

static void pl011_enable_input(const struct uart *u)
{
    mmio_write32(INT_RX | INT_RT, registers(u) + UARTIMSC);
}

static void pl011_acknowledge(const struct uart *u)
{
    mmio_write32(INT_RX | INT_RT, registers(u) + UARTICR);
}

static void sbsa_suspend(struct uart *u)
{
    wait_until_sent(u);
    u->kept[0] = mmio_read32(registers(u) + UARTIMSC);
}

static void sbsa_resume(const struct uart *u)
{
    mmio_write32(u->kept[0], registers(u) + UARTIMSC);
}

static const unsigned kept_registers[] = { UARTIBRD, UARTFBRD, UARTLCR_H, UARTIFLS, UARTIMSC };

static void pl011_suspend(struct uart *u)
{
    wait_until_sent(u);
    for (unsigned i = 0; i < ARRAY_SIZE(kept_registers); i++)
        u->kept[i] = mmio_read32(registers(u) + kept_registers[i]);
    u->kept[ARRAY_SIZE(kept_registers)] = mmio_read32(registers(u) + UARTCR);
}

/* The line control register latches the divisors; all of it while the UART is off (3.3.7, 3.3.8). */
static void pl011_resume(const struct uart *u)
{
    mmio_write32(0, registers(u) + UARTCR);
    for (unsigned i = 0; i < ARRAY_SIZE(kept_registers); i++)
        mmio_write32(u->kept[i], registers(u) + kept_registers[i]);
    mmio_write32(u->kept[ARRAY_SIZE(kept_registers)], registers(u) + UARTCR);
}

static void pl011_switch_on(const struct uart *u)
{
    uint32_t cr = mmio_read32(registers(u) + UARTCR);

    if ((cr & (CR_UARTEN | CR_TXE | CR_RXE)) == (CR_UARTEN | CR_TXE | CR_RXE))
        return;
    mmio_write32(LCR_H_8 | LCR_H_FEN, registers(u) + UARTLCR_H);
    mmio_write32(cr | CR_UARTEN | CR_TXE | CR_RXE, registers(u) + UARTCR);
}

static int open_any(struct uart *u, const struct uart_place *at, bool sbsa)
{
    if (at->size < UART_SIZE)
        return -EINVAL;
    *u = (struct uart){
        .registers = el2_map_device(PADDR(at->base), at->size),
        .put = pl011_put,
        .drain = wait_until_sent,
        .get = pl011_get,
        .enable_input = pl011_enable_input,
        .acknowledge = pl011_acknowledge,
        .suspend = sbsa ? sbsa_suspend : pl011_suspend,
        .resume = sbsa ? sbsa_resume : pl011_resume,
    };
    if (!u->registers)
        return -ENOMEM;
    mmio_write32(0, registers(u) + UARTIMSC);
    mmio_write32(INT_ALL, registers(u) + UARTICR);
    if (!sbsa)
        pl011_switch_on(u);
    return 0;
}

int pl011_open(struct uart *u, const struct uart_place *at)
{
    return open_any(u, at, false);
}

int sbsa_uart_open(struct uart *u, const struct uart_place *at)
{
    return open_any(u, at, true);
}
