# openclaw-failover: build, test, install.
#
#   make            build/openclaw-failover
#   make check      every test (as root: on real systemd hosts too)
#   make demo       a whole failover and failback on throwaway hosts (root)
#   make install    PREFIX, SYSCONFDIR and DESTDIR are respected

VERSION = 1.0.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BUILD ?= build

PKG_CONFIG ?= pkg-config
PACKAGES = libcurl libsystemd libgit2 inih jansson

CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wundef -Wno-missing-field-initializers
HARDENING = -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
SANITIZERS = $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -U_FORTIFY_SOURCE)
comma := ,
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DDEFAULT_SYSCONFDIR='"$(SYSCONFDIR)"' \
	-Iinclude $(WARNINGS) $(if $(WERROR),-Werror) $(HARDENING) $(CFLAGS) $(SANITIZERS) $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) $(SANITIZERS)
LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES))

OBJECTS = $(patsubst src/%.c,$(BUILD)/src/%.o,$(filter-out src/main.c,$(wildcard src/*.c)))
UNIT_TESTS = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

.PHONY: all unit lab
all: $(BUILD)/openclaw-failover
unit: $(UNIT_TESTS)
lab: $(BUILD)/tests/gateway

$(BUILD)/openclaw-failover: $(BUILD)/src/main.o $(BUILD)/failover.a
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Everything but main(), for the tests to link against.
$(BUILD)/failover.a: $(OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/failover.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(BUILD)/failover.a $(LIBS) \
		$(shell $(PKG_CONFIG) --cflags --libs cmocka)

# The gateway of the system tests. Static, so that it runs on hosts of any release.
$(BUILD)/tests/gateway: tests/gateway.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -D_GNU_SOURCE $(WARNINGS) $(if $(WERROR),-Werror) -O2 -g -pthread -static -o $@ $<

-include $(wildcard $(BUILD)/src/*.d $(BUILD)/tests/*.d)
