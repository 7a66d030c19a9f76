// SPDX-License-Identifier: Apache-2.0
#include "firmware/machine.h"

#include "arch/idle.h"
#include "arch/io.h"
#include "lib/print.h"
#include "lib/stack_protector.h"
#include "lib/string.h"

/* PL061, DDI 0190B 3.3: an access to GPIODATA touches the lines whose bits are set in address bits 9:2. */
#define GPIODATA(line) (BIT(line) << 2)
#define GPIODIR        0x400
#define LINE_POWER_OFF 0
#define LINE_RESET     1

/* PL011, DDI 0183G 3.3 */
#define UARTDR         0x000
#define UARTECR        0x004
#define UARTFR         0x018
#define UARTFR_RXFE    BIT(4)
#define UARTFR_TXFF    BIT(5)
#define UARTIBRD       0x024
#define UARTFBRD       0x028
#define UARTLCR_H      0x02c
#define UARTCR         0x030
#define UARTCR_RESET   0x300u   /* TXE, RXE */
#define UARTCR_UARTEN  1u
#define UARTIFLS       0x034
#define UARTIFLS_RESET 0x12u
#define UARTIMSC       0x038
#define UARTICR        0x044
#define UARTICR_ALL    0x7ffu
#define UARTDMACR      0x048
#define UART_FIFO      32

static NORETURN void stand_still(void)
{
    for (;;)
        cpu_wait_for_interrupt();
}

static NORETURN void raise_line(unsigned line)
{
    volatile char *direction = machine_register(MACHINE_SECURE_GPIO, GPIODIR);
    volatile char *data = machine_register(MACHINE_SECURE_GPIO, GPIODATA(line));

    mmio_write8(0, data);
    mmio_write8((uint8_t)(mmio_read8(direction) | BIT(line)), direction);
    mmio_write8((uint8_t)BIT(line), data);
    stand_still();
}

void machine_power_off(void) { raise_line(LINE_POWER_OFF); }
void machine_reset(void) { raise_line(LINE_RESET); }

static uint32_t uart_read(uint64_t uart, uint64_t offset) { return mmio_read32(machine_register(uart, offset)); }
static void uart_write(uint32_t v, uint64_t uart, uint64_t offset) { mmio_write32(v, machine_register(uart, offset)); }

void machine_reset_uart(void)
{
    uart_write(0, MACHINE_UART, UARTCR);
    uart_write(0, MACHINE_UART, UARTIMSC);
    uart_write(0, MACHINE_UART, UARTLCR_H);   /* FEN off empties the FIFOs */
    for (unsigned i = 0; i < UART_FIFO && !(uart_read(MACHINE_UART, UARTFR) & UARTFR_RXFE); i++)
        (void)uart_read(MACHINE_UART, UARTDR);
    uart_write(0, MACHINE_UART, UARTECR);
    uart_write(UARTICR_ALL, MACHINE_UART, UARTICR);
    uart_write(0, MACHINE_UART, UARTIBRD);
    uart_write(0, MACHINE_UART, UARTFBRD);
    uart_write(UARTIFLS_RESET, MACHINE_UART, UARTIFLS);
    uart_write(0, MACHINE_UART, UARTDMACR);
    uart_write(UARTCR_RESET, MACHINE_UART, UARTCR);
}

static void secure_uart_put(char c)
{
    while (uart_read(MACHINE_SECURE_UART, UARTFR) & UARTFR_TXFF)
        ;
    uart_write((uint8_t)c, MACHINE_SECURE_UART, UARTDR);
}

void machine_fail(const char *fmt, ...)
{
    char text[200] = "firmware: ";
    size_t n = strlen(text);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text + n, sizeof(text) - n, fmt, ap);
    va_end(ap);
    uart_write(UARTCR_RESET | UARTCR_UARTEN, MACHINE_SECURE_UART, UARTCR);
    for (const char *p = text; *p; p++)
        secure_uart_put(*p);
    for (const char *p = "; the machine stands still\r\n"; *p; p++)
        secure_uart_put(*p);
    stand_still();
}

/* Used by libfdt, which is built with -fstack-protector, and by our own code. */
uint64_t __stack_chk_guard = 0x3f1ce0a7d5b26900;
void __stack_chk_fail(void)
{
    machine_fail("a function wrote beyond its stack frame");
}
