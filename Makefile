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

.PHONY: all unit lab check unit-check sanitize-check demo lint lint-format lint-clang lint-tidy lint-cppcheck lint-scripts
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

# Tests. TESTS, K and JOBS choose some of them: see tests/run.

# As root it brings what it needs, so that it works on a bare clone.
check:
	@test "$$(id -u)" != 0 || $(MAKE) --no-print-directory deps
	@BUILD=$(BUILD) tests/run $(TESTS)

unit-check:
	@BUILD=$(BUILD) tests/run unit

# Unit tests with AddressSanitizer and UBSan; TESTS=system, as root, takes the daemon through the lab with them.
sanitize-check:
	@SANITIZE=1 BUILD=build-sanitize tests/run $(or $(TESTS),unit)

demo: deps
	@$(MAKE) --no-print-directory all lab
	@tests/demo

C_FILES = $(wildcard src/*.c include/*.h tests/*.c tests/*/*.c)
SCRIPTS = $(wildcard tests/run tests/demo tests/*.py tests/*/*.py)
needs = command -v $(1) >/dev/null || { echo "skipped: $(1) is not installed"; exit 0; }

lint: lint-format lint-clang lint-tidy lint-cppcheck lint-scripts

# Versions of clang-format disagree with each other: one of them decides.
lint-format:
	@$(call needs,clang-format); \
	clang-format --version | grep -q 'version 14\.' || { echo 'skipped: not clang-format 14'; exit 0; }; \
	clang-format --dry-run -Werror $(C_FILES)

lint-clang:
	@$(call needs,clang); $(MAKE) --no-print-directory CC=clang WERROR=1 BUILD=$(BUILD)/clang all unit lab

lint-tidy:
	@$(call needs,clang-tidy); \
	printf '%s\n' $(wildcard src/*.c tests/gateway.c) | \
		xargs -P "$$(nproc)" -I FILE clang-tidy --quiet FILE -- -Iinclude -std=gnu17 -D_GNU_SOURCE \
		-DVERSION='"$(VERSION)"' $(shell $(PKG_CONFIG) --cflags $(PACKAGES)) 2>/dev/null

lint-cppcheck:
	@$(call needs,cppcheck); \
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --suppress=memleak \
		--suppress=resourceLeak -Iinclude --error-exitcode=1 -j "$$(nproc)" src tests

lint-scripts:
	@bash -n .ci/run
	@python3 -c 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]' $(SCRIPTS)

-include $(wildcard $(BUILD)/src/*.d $(BUILD)/tests/*.d)
