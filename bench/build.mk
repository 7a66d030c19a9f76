# SPDX-License-Identifier: Apache-2.0
# Torpor beside Debian's stock Xen: the guests that measure, and the run that prints the table.

BENCH_GUESTS := $(addprefix build/bench/,costs.img sleeper.img first.img first-sleep.img)

build/bench/obj/%.o: bench/guest/%
	@mkdir -p $(@D)
	@$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -MMD -MP -c $< -o $@

build/bench/costs.elf build/bench/sleeper.elf: build/bench/%.elf: build/bench/obj/%.c.o build/dormouse/dormouse.a dormouse/arm64/image.ld
	@$(call DORMOUSE_LINK)

build/bench/obj/first-sleep.S.o: bench/guest/first.S
	@mkdir -p $(@D)
	@$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -DSLEEPS -MMD -MP -c $< -o $@

build/bench/first.elf build/bench/first-sleep.elf: build/bench/%.elf: build/bench/obj/%.S.o dormouse/arm64/image.ld
	@ld.lld --no-undefined -T dormouse/arm64/image.ld -o $@ $<

build/bench/%.img: build/bench/%.elf
	@llvm-objcopy -O binary $< $@

.PRECIOUS: build/bench/%.elf
-include $(wildcard build/bench/obj/*.d)

.PHONY: bench
## bench: Torpor beside Debian's Xen 4.17, instruction counts and times; kept in build/bench.json
bench: build/torpor build/xen build/firmware-race.bin images $(BENCH_GUESTS)
	@bench/bench
