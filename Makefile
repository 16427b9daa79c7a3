# openclaw-failover: build, test, install.
#
#   make            build/openclaw-failover
#   make check      every test (as root: on real systemd hosts too)
#   make third, cutoff, restart-grace, hardening   the tests of one subject: a third node; is it us that are cut off; planned
#                   restarts of the primary; sandboxes, polkit and hostile hosts (root; parts of make check)
#   make faults     the table of faults in tests/FAULTS.md, as those tests see them now (root)
#   make pictures   what people get: each alert as Discord, Slack, Telegram and ntfy show it, in build/pictures
#   make fuzz       the fuzzers, a minute each (with CI=true, five seconds)
#   make soak       100,000 checks of a peer that misbehaves at random (root; with CI=true, 3000)
#   make week       300 rounds of failovers in each of four workspaces, at random: nothing is lost (WEEK_SEED=)
#   make crash      the daemon and the worker killed at every step, the power cut at any moment (root)
#   make sanitize-check   unit and system tests with sanitizers (with CI=true, fewer of the latter)
#   make valgrind-check   the daemon through a failover and failback under valgrind (root)
#   make bench      what the daemon costs, and what it adds to an outage (root; WRITE=1: into tests/NUMBERS.md)
#   make demo       a whole failover and failback on throwaway hosts (root)
#   make check-debian12, check-debian13   unit tests, documents and system tests with that Debian's libraries and systemd (root)
#   make check-arm64   built for arm64 without a warning, its unit tests under qemu-user, its package (root)
#   make check-deb  the package on bare Debian 12 and 13 (root)
#   make mutants    the pure modules broken on purpose: each must be noticed
#   make deps       installs the Debian packages that all of this needs (root)
#   make deps-build those that building and running it need, without the tests' (root)
#   make install    PREFIX, SYSCONFDIR and DESTDIR are respected
#   make deb        a package for the Debian or Ubuntu that this is
#   make dist       the sources as a tarball, and what a release takes
#   make uninstall  removes what install put there; configuration and state stay

VERSION = 1.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BUILD ?= build

PKG_CONFIG ?= pkg-config
PACKAGES = libcurl libsystemd libgit2 inih jansson

CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wundef -Wno-missing-field-initializers
HARDENING = -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
SANITIZERS = $(if $(SANITIZE),-fsanitize=$(SANITIZE:1=address$(comma)undefined) -fno-sanitize-recover=undefined -U_FORTIFY_SOURCE)
comma := ,
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DDEFAULT_SYSCONFDIR='"$(SYSCONFDIR)"' \
	-Iinclude -Isrc $(WARNINGS) $(if $(WERROR),-Werror) $(HARDENING) $(CFLAGS) $(SANITIZERS) $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) $(SANITIZERS)
LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES))

OBJECTS = $(patsubst src/%.c,$(BUILD)/src/%.o,$(wildcard src/*/*.c))
FUZZERS = $(patsubst tests/fuzz/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
UNIT_TESTS = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

.PHONY: week always all unit fuzzers lab deps deps-build install uninstall check unit-check sanitize-check fuzz soak crash valgrind-check tailnet-check model mutants demo faults bench lint lint-format lint-clang lint-tidy lint-scripts
all: $(BUILD)/openclaw-failover
unit: $(UNIT_TESTS)
fuzzers: $(FUZZERS)
lab: $(BUILD)/tests/gateway $(BUILD)/tests/crash $(BUILD)/tests/bench_curl

# A short line a file; V=1 shows the whole commands.
ifeq ($(V),1)
quiet = $(2)
else
quiet = @printf '%-4s %s\n' $(1) '$(patsubst $(BUILD)/%,%,$(if $(3),$(3),$@))'; $(2)
endif

# What each object depends on, written so that it holds for every way to spell BUILD: otherwise an object that was made under
# another spelling is not rebuilt when a header changes.
DEPEND = -MMD -MP -MT '$$(BUILD)/$(patsubst $(BUILD)/%,%,$@)'

$(BUILD)/openclaw-failover: $(BUILD)/src/main.o $(BUILD)/failover.a
	$(call quiet,LD,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS))

# Everything but main(), for the tests to link against.
$(BUILD)/failover.a: $(OBJECTS)
	@rm -f $@
	$(call quiet,AR,$(AR) rcs $@ $^)

$(BUILD)/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(call quiet,CC,$(CC) $(ALL_CFLAGS) $(DEPEND) -c -o $@ $<,$<)

# The one file that SYSCONFDIR goes into is rebuilt when that changes.
$(BUILD)/src/config/instance.o: $(BUILD)/sysconfdir
$(BUILD)/sysconfdir: always
	@mkdir -p $(@D)
	@echo '$(SYSCONFDIR)' | cmp -s - $@ || echo '$(SYSCONFDIR)' >$@

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/failover.a
	@mkdir -p $(@D)
	$(call quiet,CC,$(CC) $(ALL_CFLAGS) $(DEPEND) $(ALL_LDFLAGS) -o $@ $< $(BUILD)/failover.a $(LIBS) \
		$(shell $(PKG_CONFIG) --cflags --libs cmocka),$<)

# libFuzzer's, which comes with clang.
$(BUILD)/tests/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/failover.a
	@mkdir -p $(@D)
	$(call quiet,CC,$(CC) $(ALL_CFLAGS) $(DEPEND) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< $(BUILD)/failover.a $(LIBS),$<)

# One program of several files, compiled together: -MD would keep what the last of them includes.
MODEL = $(wildcard tests/proof/model*.c)
$(BUILD)/tests/model: $(MODEL) tests/proof/model.h $(BUILD)/failover.a
	@mkdir -p $(@D)
	$(call quiet,CC,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(MODEL) $(BUILD)/failover.a $(LIBS),$<)

# The programs of the system tests. Static, so that they run on hosts of any release.
$(BUILD)/tests/gateway: tests/lab/gateway.c
$(BUILD)/tests/crash: tests/proof/crash.c
$(BUILD)/tests/gateway $(BUILD)/tests/crash:
	@mkdir -p $(@D)
	$(call quiet,CC,$(CC) -std=gnu17 -D_GNU_SOURCE $(WARNINGS) $(if $(WERROR),-Werror) -O2 -g -pthread -static -o $@ $<,$<)

$(BUILD)/tests/bench_curl: tests/bench/bench_curl.c
	@mkdir -p $(@D)
	$(call quiet,CC,$(CC) $(ALL_CFLAGS) $(DEPEND) $(ALL_LDFLAGS) -o $@ $< $(LIBS),$<)

# Installing.

# What is needed on a bare Debian 12 or 13 to build and to test. Their services are not started, since sshd and others
# are only for the tests, which run them on hosts of their own.
DEPS_BUILD = build-essential pkg-config libcurl4-openssl-dev libsystemd-dev libgit2-dev libinih-dev libjansson-dev \
	debhelper systemd polkitd dbus iproute2 openssh-client rsync
DEPS = $(DEPS_BUILD) libcmocka-dev clang libclang-rt-dev valgrind clang-format clang-tidy systemd-container openssh-server \
	nftables procps curl strace git mandoc openssl sudo lintian python3 python3-pytest python3-pytest-xdist mmdebstrap \
	$(PROMTOOL)
# For promtool, which checks metrics and alert rules. Roots of other releases do without.
PROMTOOL = prometheus
# What builds for arm64 on another architecture, and runs the unit tests of that.
DEPS_ARM64 = build-essential iproute2 crossbuild-essential-arm64 pkg-config debhelper qemu-user-static \
	$(addsuffix :arm64,$(filter lib%,$(DEPS_BUILD)) libcmocka-dev) systemd openssh-client openssh-server rsync git procps \
	curl openssl python3
POLICY = /usr/sbin/policy-rc.d

.PHONY: print-deps print-deps-arm64 print-version
print-deps: PROMTOOL =
print-deps:
	@echo $(DEPS)
print-deps-arm64:
	@echo $(DEPS_ARM64)
print-version:
	@echo $(VERSION)

deps-build: DEPS = $(DEPS_BUILD)
deps deps-build:
	@missing=$$(for package in $(DEPS); do \
		test "$$(dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null)" = installed || echo $$package; \
	done); \
	test -n "$$missing" || exit 0; \
	test "$$(id -u)" = 0 || { echo "As root: apt-get install" $$missing >&2; exit 1; }; \
	test -e $(POLICY) || { trap 'rm -f $(POLICY)' EXIT; printf '#!/bin/sh\nexit 101\n' >$(POLICY); chmod 755 $(POLICY); }; \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $$missing

BINDIR = $(PREFIX)/bin
UNITDIR = $(PREFIX)/lib/systemd/system
# systemd looks below /usr/local too, polkit before version 124 and D-Bus do not: what is for them goes to /etc then, but
# for polkit's actions, which it reads in one place only.
VENDORDIR = $(if $(filter /usr,$(PREFIX)),/usr/share,$(SYSCONFDIR))

# The units for one of several standbys on this machine, made from the plain ones: openclaw-failover@.service and so on.
template = $(UNITDIR)/$(subst .,@.,$(notdir $(1:.in=)))

# What begins with @SINCE254@ in a unit is for a systemd of that version or a later one: others would warn of it.
SINCE254 = $(if $(shell $(PKG_CONFIG) --atleast-version=254 libsystemd && echo y),s/^@SINCE254@//,/^@SINCE254@/d)

# Everything that is installed but the program, the ini and the gateway's unit, as FROM:TO. In each, @BINDIR@ and
# @SYSCONFDIR@ are filled in.
UNITS = $(filter-out systemd/openclaw.service,$(wildcard $(addprefix systemd/*.,service service.in timer timer.in)))
PAGES = $(wildcard src/man/*.[1-8])
FILES = $(foreach unit,$(UNITS),$(unit):$(UNITDIR)/$(notdir $(unit:.in=)) $(unit):$(call template,$(unit))) \
	systemd/openclaw-failover.sysusers:$(PREFIX)/lib/sysusers.d/openclaw-failover.conf \
	systemd/openclaw-failover.rules:$(VENDORDIR)/polkit-1/rules.d/openclaw-failover.rules \
	systemd/org.openclaw.failover1.policy:/usr/share/polkit-1/actions/org.openclaw.failover1.policy \
	systemd/openclaw-failover.dbus.conf:$(VENDORDIR)/dbus-1/system.d/org.openclaw.Failover1.conf \
	$(foreach catalog,$(wildcard systemd/*.catalog),$(catalog):$(PREFIX)/lib/systemd/catalog/$(notdir $(catalog))) \
	etc/skill/SKILL.md:$(PREFIX)/share/openclaw-failover/skill/SKILL.md \
	$(foreach page,$(PAGES),$(page):$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
	src/cli/openclaw-failover.bash:$(PREFIX)/share/bash-completion/completions/openclaw-failover

INI = $(SYSCONFDIR)/openclaw-failover.ini
# Wherever systemd finds a gateway's unit that is there already (systemd.unit(5)), ours is not installed.
UNIT_PATH = $(addprefix $(DESTDIR),/etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system \
	/usr/lib/systemd/system /lib/systemd/system)
GATEWAY = $(firstword $(wildcard $(addsuffix /openclaw.service,$(UNIT_PATH))))
GATEWAYS = $(firstword $(wildcard $(addsuffix /openclaw@.service,$(UNIT_PATH))))

# Whether this is the system that runs here, and not a package or an image.
live = test -z "$(DESTDIR)" -a "$$(id -u)" = 0 -a -d /run/systemd/system

install: all
	install -D -m 755 $(BUILD)/openclaw-failover $(DESTDIR)$(BINDIR)/openclaw-failover
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/openclaw-failover
	@set -e; for pair in $(FILES); do \
		from=$${pair%%:*} to=$(DESTDIR)$${pair#*:}; \
		echo "install $$from $$to"; \
		test -d "$${to%/*}" || install -d -m 755 "$${to%/*}"; \
		case "$$to" in *@.*) script=systemd/instance.sed ;; *) script=/dev/null ;; esac; \
		sed -f $$script -e 's|@BINDIR@|$(BINDIR)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' -e '$(SINCE254)' "$$from" >"$$to.new"; \
		chmod 644 "$$to.new"; \
		mv "$$to.new" "$$to"; \
	done
	$(if $(wildcard $(DESTDIR)$(INI)),@echo "$(INI) is there already and stays as it is",\
		install -D -m 644 etc/openclaw-failover.ini $(DESTDIR)$(INI))
	$(if $(GATEWAY),@echo "$(GATEWAY) is there already and stays as it is",\
		install -D -m 644 systemd/openclaw.service $(DESTDIR)$(UNITDIR)/openclaw.service)
	$(if $(GATEWAYS),@echo "$(GATEWAYS) is there already and stays as it is",\
		sed -f systemd/instance.sed systemd/openclaw.service | \
		install -D -m 644 /dev/stdin $(DESTDIR)$(UNITDIR)/openclaw@.service)
	@if $(live); then \
		systemd-sysusers $(PREFIX)/lib/sysusers.d/openclaw-failover.conf && systemctl daemon-reload && \
		journalctl --update-catalog && systemctl reload dbus && \
		if systemctl -q is-active openclaw-failover; then \
			echo; echo "To run the new version (a promoted gateway stays as it is):"; \
			echo "  systemctl restart openclaw-failover"; \
		else \
			echo; echo "Now set host in $(INI), then:"; \
			echo "  systemctl enable --now openclaw-failover"; \
			echo "  journalctl -u openclaw-failover -f"; \
		fi; \
	fi

# The gateway is left running, and its units left in place unless they are ours to the letter and not in use. "disable" takes
# no pattern, and instances have no file that it could be asked for.
uninstall:
	@if $(live); then \
		systemctl -q stop $$(systemctl list-units --all --plain --no-legend 'openclaw-failover*' | cut -d ' ' -f 1); \
		systemctl -q reset-failed 'openclaw-failover*'; \
		rm -f /etc/systemd/system/*.wants/openclaw-failover* /etc/systemd/system/*.wants/openclaw-warm*; \
	fi 2>/dev/null || true
	rm -f $(DESTDIR)$(BINDIR)/openclaw-failover $(foreach pair,$(FILES),$(DESTDIR)$(lastword $(subst :, ,$(pair))))
	@unit=$(DESTDIR)$(UNITDIR)/openclaw.service; \
	if cmp -s systemd/openclaw.service $$unit && ! { $(live) && systemctl -q is-active openclaw.service; }; then \
		rm -f $$unit; \
	fi
	@unit=$(DESTDIR)$(UNITDIR)/openclaw@.service; \
	if sed -f systemd/instance.sed systemd/openclaw.service | cmp -s - $$unit && \
			! { $(live) && systemctl list-units --no-legend 'openclaw@*.service' | grep -q .; }; then \
		rm -f $$unit; \
	fi
	@rmdir $(DESTDIR)$(SYSCONFDIR)/openclaw-failover 2>/dev/null || true
	@if $(live); then systemctl daemon-reload; fi
	@echo "Left in place: gateways that run, $(INI), $(SYSCONFDIR)/openclaw-failover if there is anything in it," \
		"/var/lib/openclaw-failover*, the user openclaw-failover"

# A package for the Debian or Ubuntu that this runs on: build/deb/openclaw-failover_*.deb. Its packaging is in .debian, since the
# top of the tree is for those who read the program. The changelog is made here, of .debian/changes: VERSION above is the only one
# there is.

DEB = $(BUILD)/deb
DEB_RELEASE = $(shell . /etc/os-release && echo "$$ID$$VERSION_ID")
DEB_DATE = $(shell git log -1 --format=%cD 2>/dev/null || date -R -r Makefile)

.PHONY: deb
deb:
	rm -rf $(DEB)
	mkdir -p $(DEB)/source
	cp -a Makefile README.md LICENSE src include systemd etc $(DEB)/source
	cp -a .debian $(DEB)/source/debian
	{ printf '%s\n\n' 'openclaw-failover ($(VERSION)~$(DEB_RELEASE)) unstable; urgency=medium'; \
	cat .debian/changes; \
	printf '\n -- %s  %s\n' "$$(sed -n 's/^Maintainer: //p' .debian/control)" '$(DEB_DATE)'; } >$(DEB)/source/debian/changelog
	rm $(DEB)/source/debian/changes
	cd $(DEB)/source && DEB_BUILD_OPTIONS="noautodbgsym $$DEB_BUILD_OPTIONS" dpkg-buildpackage -us -uc -b $(if $(DEB_ARCH),-a$(DEB_ARCH) -Pcross)
	@echo; ls $(DEB)/*.deb

# The sources as they are in HEAD, the same to the bit whoever makes them and when: the times are the commit's, the owner is root,
# and neither umask, time zone nor git's configuration matters. What is left to do for a release is printed.
DIST = $(BUILD)/openclaw-failover-$(VERSION).tar.gz

.PHONY: dist
dist:
	@mkdir -p $(BUILD)
	@git -c core.autocrlf=false -c tar.umask=0022 archive --format=tar --prefix=openclaw-failover-$(VERSION)/ HEAD \
		>$(DIST:.gz=.new)
	@gzip -9n <$(DIST:.gz=.new) >$(DIST) && rm $(DIST:.gz=.new)
	@sha256sum $(DIST)
	@echo; echo 'To release version $(VERSION) of commit '"$$(git rev-parse --short HEAD)"':'
	@test -z "$$(git status --porcelain)" && mark=x || mark=' '; echo "[$$mark] nothing is left uncommitted"
	@test -z "$$(git tag -l v$(VERSION))" && mark=x || mark=' '; echo "[$$mark] v$(VERSION) was not released before (VERSION in Makefile)"
	@grep -q "^\.Dd .* $$(git log -1 --format=%cd --date=format:%Y)$$" src/man/openclaw-failover.8 && mark=x || mark=' '; \
		echo "[$$mark] the manual is of this year (.Dd in src/man)"
	@printf '[ ] %s\n' '.ci/run passes on this commit: Debian 12, Debian 13, the package on both' \
		'make bench WRITE=1 on a machine that does nothing else: no limit is missed' \
		'make deb on Debian 12, on Debian 13, on Ubuntu' \
		'git tag -s v$(VERSION) && git push --tags' \
		'publish $(notdir $(DIST)), its sha256 from above, and the packages'

# The package on bare Debian 12 and 13, installed, upgraded, removed. Takes minutes, and the network.
.PHONY: check-deb
check-deb: deps
	@BUILD=$(BUILD) JOBS=2 tests/run tests/system/test_deb.py

# The tests with the systemd, libcurl and libgit2 of that Debian, whatever this machine is. In CI, of the system tests those
# alone in which the release matters: units, polkit, D-Bus, git, certificates. DEBIAN_TESTS chooses others.
DEBIANS = check-debian12 check-debian13
DEBIAN_TESTS ?= unit $(if $(CI),$(wildcard $(patsubst %,tests/system/test_%.py,lab unit units strangers sync failover https instances)),docs system)

.PHONY: $(DEBIANS)
$(DEBIANS): check-debian%: deps
	@root=$$(BUILD=$(BUILD) tests/lab/debian-root $*) && \
	tests/lab/in-root "$$root" env $(foreach name,CI JOBS K LABEL TALLY,$(if $($(name)),$(name)='$($(name))')) \
		make --no-print-directory check PROMTOOL= BUILD=build-debian$* TESTS='$(DEBIAN_TESTS)'

# For arm64, with Debian 13's cross compiler and its libraries for arm64; what is built runs under qemu-user, which has this
# machine's kernel. tests/run names what does not stand that.
ARM64 = aarch64-linux-gnu
.PHONY: check-arm64 deb-arm64
check-arm64: deps
	@root=$$(BUILD=$(BUILD) tests/lab/debian-root --arm64 13) && \
	tests/lab/in-root "$$root" env $(foreach name,CI LABEL TALLY,$(if $($(name)),$(name)='$($(name))')) \
		CC=$(ARM64)-gcc AR=$(ARM64)-ar PKG_CONFIG_LIBDIR=/usr/lib/$(ARM64)/pkgconfig:/usr/share/pkgconfig \
		EMULATOR=qemu-aarch64-static BUILD=build-arm64 tests/run unit deb-arm64

# Within that root. The last line is the package.
deb-arm64:
	$(MAKE) deb DEB_ARCH=arm64
	dpkg-deb -x $(DEB)/*_arm64.deb $(DEB)/arm64
	$(ARM64)-readelf -h $(DEB)/arm64/usr/bin/openclaw-failover | grep -q AArch64
	@ls $(DEB)/*_arm64.deb

# Tests. TESTS, K and JOBS choose some of them: see tests/run.

# As root it brings what it needs, so that it works on a bare clone.
check:
	@test "$$(id -u)" != 0 || $(MAKE) --no-print-directory deps
	@BUILD=$(BUILD) tests/run $(TESTS)

unit-check:
	@BUILD=$(BUILD) tests/run unit

# Unit and system tests with AddressSanitizer, LeakSanitizer and UBSan: a report of theirs on any host fails the test.
SANITIZE_TESTS ?= unit $(if $(CI),$(addprefix tests/system/test_,failover.py::test_killed_and_restored restart.py),system)

sanitize-check:
	@SANITIZE=1 BUILD=build-sanitize tests/run $(SANITIZE_TESTS)

# Every fuzzer for FUZZ_SECONDS. What one finds more than the seeds is kept below build/, what breaks it is left there, too:
# both are there for the next run.
FUZZ_SECONDS ?= $(if $(CI),5,60)
FUZZ = $(BUILD)/fuzz

fuzz:
	@$(MAKE) --no-print-directory CC=clang SANITIZE=fuzzer-no-link,address,undefined BUILD=$(FUZZ) \
		CFLAGS='-O1 -g -Wno-unused-variable' fuzzers
	@BUILD=$(FUZZ) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run

# Needs root for the lab.
lab-needs = test "$$(id -u)" = 0 || { echo "skipped: it boots real hosts, which takes root"; exit 0; }
SOAK_CHECKS ?= $(if $(CI),3000,100000)

soak: all lab
	@$(lab-needs); SOAK_CHECKS=$(SOAK_CHECKS) LAB_BUILD=$(BUILD) /usr/bin/python3 tests/proof/soak.py

# The tests of one subject, each with its figures.
SUBJECTS = third cutoff restart-grace hardening
.PHONY: $(SUBJECTS)
third: subject = tests/system/test_third.py
cutoff: subject = tests/system/test_cutoff.py
restart-grace: subject = $(addprefix tests/system/test_cutoff.py::test_,$(RESTART_GRACE))
RESTART_GRACE = planned_restart_does_not_promote restart_that_takes_too_long_promotes crash_is_not_a_planned_restart \
	failback_waits_until_the_primary_has_started older_gateway_without_startupz
hardening: subject = $(basename $(notdir $(wildcard tests/unit/test_probe*.c tests/unit/test_workspace*.c))) \
	test_secrets test_landlock tests/system/test_units.py \
	tests/system/test_sync.py::test_writes_nowhere_else tests/system/test_failover.py::test_misbehaving_primary

$(SUBJECTS): all lab
	@BUILD=$(BUILD) tests/run $(subject)

# Every case in a real tailnet; `make check` runs some. TAILNET names the folder with the programs (tests/lab/tailnet.py).
tailnet-check: all lab
	@TAILNET_ALL=1 BUILD=$(BUILD) tests/run $(wildcard tests/system/test_tailnet*.py)

# The table of tests/FAULTS.md, as the tests see them now.
faults: all lab
	@BUILD=$(BUILD) tests/run $(patsubst %,tests/system/test_%.py,failover unit restart sync cutoff third)
	@BUILD=$(BUILD) tests/docs/faults

# Each alert in each format, drawn to look at.
PICTURES = $(BUILD)/pictures
.PHONY: pictures
pictures: $(BUILD)/tests/test_alert_payloads
	@mkdir -p $(PICTURES); rm -f $(PICTURES)/*
	@PAYLOADS=$(PICTURES) $< >/dev/null 2>&1 && tests/docs/pictures $(PICTURES)

valgrind-check: all lab
	@$(lab-needs); $(call needs,valgrind); LAB_BUILD=$(BUILD) /usr/bin/python3 tests/proof/valgrind.py

# Every state the role can get into, and what must hold there: about a minute.
model: $(BUILD)/tests/model
	@$<

# The two pure modules broken on purpose, in many ways: each must be noticed. Takes a quarter of an hour.
mutants: $(BUILD)/failover.a
	@BUILD=$(BUILD) tests/proof/mutants

week: $(BUILD)/tests/test_week
	WEEK_ROUNDS=300 $(BUILD)/tests/test_week

# The long form of tests/proof/test_crash.py: every point of the daemon, 200 of the worker's, 50 power cuts, side by side.
# And 500 of all system calls of the workspace's, and every one that a full disk fails. How many, and how well they went, is printed
# at the end of each.
CRASHES = $(addprefix crash-,daemon worker power) crash-calls
.PHONY: $(CRASHES)

crash: deps
	@$(MAKE) --no-print-directory WERROR=1 all lab
	@$(MAKE) --no-print-directory -j$(words $(CRASHES)) -O $(CRASHES)

crash-calls: $(BUILD)/tests/test_crash
	@POINTS=500 $<

$(filter-out crash-calls,$(CRASHES)):
	@CRASH_DAEMON=1000 CRASH_WORKER=200 CRASH_POWER=50 K=$(@:crash-%=test_%) JOBS=1 BUILD=$(BUILD) \
		tests/run tests/proof/test_crash.py

demo: deps
	@$(MAKE) --no-print-directory all lab
	@tests/lab/demo

# The numbers of tests/NUMBERS.md. Wants a machine that does nothing else, and fails if one of the limits is missed.
bench: deps
	@$(MAKE) --no-print-directory all lab
	@LAB_BUILD=$(BUILD) tests/bench/bench $(if $(WRITE),--write)

C_FILES = $(wildcard src/*.c src/*/*.[ch] include/*.h tests/*/*.c)
SCRIPTS = $(wildcard tests/run tests/lab/demo tests/docs/faults tests/docs/pictures tests/bench/bench tests/proof/mutants tests/*/*.py)
needs = command -v $(1) >/dev/null || { echo "skipped: $(1) is not installed"; exit 0; }

lint: lint-format lint-clang lint-tidy lint-scripts

# Versions of clang-format disagree with each other: one of them decides.
lint-format:
	@$(call needs,clang-format); \
	clang-format --version | grep -q 'version 14\.' || { echo 'skipped: not clang-format 14'; exit 0; }; \
	clang-format --dry-run -Werror $(C_FILES) && echo '$(words $(C_FILES)) files clean'

# clang takes a variable that is there for its cleanup alone for unused; gcc, which does not, finds the others.
lint-clang:
	@$(call needs,clang); \
	$(MAKE) --no-print-directory CC=clang CFLAGS='-O2 -g -Wno-unused-variable' WERROR=1 BUILD=$(BUILD)/clang all unit lab $(BUILD)/clang/tests/model && \
	echo '$(words $(filter src/%.c tests/%.c,$(filter-out tests/fuzz/%,$(C_FILES)))) files clean'

TIDY_FILES = $(wildcard src/*.c src/*/*.c tests/lab/gateway.c)
lint-tidy:
	@$(call needs,clang-tidy); \
	printf '%s\n' $(TIDY_FILES) | \
		xargs -P "$$(nproc)" -I FILE clang-tidy --quiet FILE -- -Iinclude -Isrc -std=gnu17 -D_GNU_SOURCE \
		-DVERSION='"$(VERSION)"' $(shell $(PKG_CONFIG) --cflags $(PACKAGES)) 2>/dev/null && \
	echo '$(words $(TIDY_FILES)) files clean'

BASH_SCRIPTS = .ci/run tests/fuzz/run tests/bench/bench_monitor src/cli/openclaw-failover.bash
lint-scripts:
	@for script in $(BASH_SCRIPTS); do bash -n $$script || exit; done
	@python3 -c 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]' $(SCRIPTS)
	@echo '$(words $(BASH_SCRIPTS) $(SCRIPTS)) files clean'

-include $(wildcard $(BUILD)/src/*.d $(BUILD)/src/*/*.d $(BUILD)/tests/*.d)
