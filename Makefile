# `make help` lists the targets. A comment of two signs behind a target's name is its line there.
SHELL := /bin/bash
.DEFAULT_GOAL := run
PREFIX ?= /usr/local
DESTDIR ?=
CONFIG ?= config.yaml
SWIFT ?= swift

# The functions that a request runs are linked side by side (Benchmarks/hot_functions.py makes the list and says why).
# It needs the toolchain's own linker, lld; `make HOT= release` does without.
HOT := -Xswiftc -Xfrontend -Xswiftc -function-sections -Xswiftc -use-ld=lld \
	-Xlinker --symbol-ordering-file=$(CURDIR)/Benchmarks/hot-functions.txt -Xlinker --no-warn-symbol-ordering
# Exclusivity checks and the dynamic runtime cost 4-12 % of a proxied request (docs/performance.md).
RELEASE := -c release -Xswiftc -enforce-exclusivity=unchecked --static-swift-stdlib $(HOT)
PODIUM = $(shell $(SWIFT) build $(RELEASE) --show-bin-path)/podium
# What `podium --version` names. A plain `swift build` names none.
COMMIT := $(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null)
VERSION = $(shell sed -n 's/.*static let number = "\(.*\)"/\1/p' Sources/podium/Podium.swift)
# As many tests run at once as there are processors. Swift Testing would start all of them together: each then waits for
# a minute's worth of others, and a limit that a test puts on an answer tells about them instead of about Podium.
SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH := $(or $(SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH),$(shell nproc))
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH
SOURCES := Package.swift Sources Tests Benchmarks Fuzz
VENV := .build/venv

SHARE = $(DESTDIR)$(PREFIX)/share
LIB = $(DESTDIR)$(PREFIX)/lib
DIST = .build/dist/podium-$(VERSION)-linux-$(shell uname -m)

.PHONY: help run build release test test-unit test-faults test-sanitizers test-thread test-address test-end-to-end test-clients soak lint format fuzz bench screenshots install uninstall dist deb clean setup setup-test

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: release ## build a release; serve CONFIG (config.yaml), or show the demo if there is none
	@if [ -e "$(CONFIG)" ]; then exec "$(PODIUM)" run --config "$(CONFIG)"; \
	else echo "no $(CONFIG): starting the demo (see config.yaml.example)"; exec "$(PODIUM)" demo; fi

setup: ## install the Debian packages that a build needs
	@.ci/install-packages build

setup-test: ## install the Debian packages that the tests need
	@.ci/install-packages test

build: setup ## debug build
	$(SWIFT) build

release: setup ## optimised program
	PODIUM_COMMIT="$(COMMIT)" $(SWIFT) build $(RELEASE) --product podium

test: setup-test test-unit test-end-to-end ## unit tests and end-to-end tests

test-unit: setup-test ## unit tests; the proxy's also on SwiftNIO's event loops
	SWIFT="$(SWIFT)" .ci/unit-tests
	PODIUM_TEST_LOOPS=nio SWIFT="$(SWIFT)" .ci/unit-tests --skip-build --filter ProxyTests

# The suite under the thread and the address sanitizer, about 20 minutes.
# One test after the other, since some wait for the clock and everything is many times slower. FILTER=ProxyTests takes some.
test-sanitizers: test-thread test-address ## unit tests under the thread and the address sanitizer; FILTER=ProxyTests

SANITIZED = debug/podiumPackageTests.xctest --testing-library swift-testing --no-parallel $(if $(FILTER),--filter "$(FILTER)")

test-thread: setup-test ## the thread sanitizer alone
	$(SWIFT) build --build-tests --sanitize=thread --scratch-path .build-tsan
	clang -shared -fPIC -O1 -Wall -Wextra -Werror -o .build-tsan/mutex_order.so Tests/Sanitizers/mutex_order.c
	LD_PRELOAD="$(CURDIR)/.build-tsan/mutex_order.so" TSAN_OPTIONS="suppressions=$(CURDIR)/Tests/Sanitizers/thread.supp" \
		.build-tsan/$(SANITIZED)

# Without the search for leaks: it does not see references whose spare bits Swift uses. `make soak` looks for growth.
test-address: setup-test ## the address sanitizer alone
	$(SWIFT) build --build-tests --sanitize=address --scratch-path .build-asan
	ASAN_OPTIONS=detect_leaks=0 .build-asan/$(SANITIZED)

# Full, bound, immutable and read-only file systems: real ones, so it needs root.
test-faults: setup-test ## full, bound and read-only file systems (root)
	PODIUM_TEST_ROOT=1 $(SWIFT) test --filter PersistenceTests

$(VENV)/ready: Tests/EndToEnd/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# On the release build: it is what people run, and an optimiser can break what a debug build forgives.
test-end-to-end: setup-test $(VENV)/ready release ## the release driven by clients, terminals, editors, signals
	PODIUM="$(PODIUM)" $(VENV)/bin/python -m pytest -q Tests/EndToEnd

# The real command lines of Claude Code and Codex against simulated endpoints; their packages are 600 MB, so not in CI.
CLIENTS := .build/clients-venv

$(CLIENTS)/ready: Tests/Clients/requirements.txt
	python3 -m venv $(CLIENTS)
	$(CLIENTS)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

test-clients: setup-test $(CLIENTS)/ready release ## the real Claude Code and Codex against simulated endpoints
	PODIUM="$(PODIUM)" $(CLIENTS)/bin/python -m pytest -q Tests/Clients

# Mixed load with faults for a while, and a look at what it leaves behind: make soak SOAK_SECONDS=60.
soak: setup-test $(VENV)/ready release ## mixed load with faults for SOAK_SECONDS (600)
	PODIUM="$(PODIUM)" PODIUM_SOAK_SECONDS=$(or $(SOAK_SECONDS),600) $(VENV)/bin/python -m pytest -q -rP Tests/EndToEnd/soak

# Lint also builds everything with warnings as errors, so that a warning never lands.
lint: setup ## style, and a build with warnings as errors
	$(SWIFT) format lint --strict --recursive --parallel $(SOURCES)
	PODIUM_STRICT=1 $(SWIFT) build --build-tests
	clang -DPODIUM_PORTABLE -Wall -Wextra -Werror -Wno-unused-parameter -fsyntax-only -ISources/CSystemShim/include Sources/CSystemShim/*.c

format: ## bring the sources into the style
	$(SWIFT) format --in-place --recursive --parallel $(SOURCES)

# Holds the HTTP codec against llhttp on made-up inputs, then the readers of LLM APIs against themselves: make fuzz FUZZ_SECONDS=600.
fuzz: setup ## the HTTP codec against llhttp, and the readers of LLM APIs, for FUZZ_SECONDS (60) each
	Fuzz/run $(or $(FUZZ_SECONDS),60)
	Fuzz/run readers $(or $(FUZZ_SECONDS),60)

bench: ## benchmarks against nginx, HAProxy and Caddy
	@.ci/install-packages bench
	Benchmarks/run

screenshots: release ## take the pictures of the README again
	@.ci/install-packages screenshots
	PODIUM="$(PODIUM)" screenshots/take

# Program, service, manual page, completions, examples. DESTDIR stages it for a package.
install: release ## program, service, manual, completions, examples; PREFIX=/usr/local DESTDIR=
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(SHARE)/doc/podium" "$(SHARE)/man/man1" "$(LIB)/systemd/system" \
		"$(LIB)/sysusers.d" "$(LIB)/tmpfiles.d" "$(SHARE)/bash-completion/completions" \
		"$(SHARE)/zsh/site-functions" "$(SHARE)/fish/vendor_completions.d"
	install -m 755 "$(PODIUM)" "$(DESTDIR)$(PREFIX)/bin/podium"
	install -m 644 README.md CHANGELOG.md LICENSE config.yaml.example docs/*.md "$(SHARE)/doc/podium/"
	"$(PODIUM)" manual >"$(SHARE)/man/man1/podium.1"
	sed 's|/usr/local/|$(PREFIX)/|g' packaging/podium.service >"$(LIB)/systemd/system/podium.service"
	install -m 644 packaging/sysusers.conf "$(LIB)/sysusers.d/podium.conf"
	install -m 644 packaging/tmpfiles.conf "$(LIB)/tmpfiles.d/podium.conf"
	"$(PODIUM)" --generate-completion-script bash >"$(SHARE)/bash-completion/completions/podium"
	"$(PODIUM)" --generate-completion-script zsh >"$(SHARE)/zsh/site-functions/_podium"
	"$(PODIUM)" --generate-completion-script fish >"$(SHARE)/fish/vendor_completions.d/podium.fish"

uninstall: ## remove what install has put there
	rm -f "$(DESTDIR)$(PREFIX)/bin/podium" "$(SHARE)/man/man1/podium.1" "$(LIB)/systemd/system/podium.service" \
		"$(LIB)/sysusers.d/podium.conf" "$(LIB)/tmpfiles.d/podium.conf" \
		"$(SHARE)/bash-completion/completions/podium" "$(SHARE)/zsh/site-functions/_podium" \
		"$(SHARE)/fish/vendor_completions.d/podium.fish"
	rm -rf "$(SHARE)/doc/podium"

# A tarball for machines without a Swift toolchain: unpack it over /usr/local. They need what `ldd bin/podium` names.
dist: ## a tarball for machines without a Swift toolchain
	rm -rf "$(DIST)"
	$(MAKE) install PREFIX=/usr/local DESTDIR="$(CURDIR)/$(DIST)/root"
	strip "$(DIST)/root/usr/local/bin/podium"
	tar -C "$(DIST)/root/usr/local" --owner=0 --group=0 --sort=name -czf "$(DIST).tar.gz" .
	@ls -l "$(DIST)/root/usr/local/bin/podium" "$(DIST).tar.gz"

deb: ## a Debian package for machines without a Swift toolchain
	rm -rf "$(DIST)-deb"
	$(MAKE) install PREFIX=/usr DESTDIR="$(CURDIR)/$(DIST)-deb"
	packaging/make-deb "$(CURDIR)/$(DIST)-deb" "$(VERSION)" ".build/dist/podium_$(VERSION)_$$(dpkg --print-architecture).deb"

clean: ## remove everything that was built
	rm -rf .build .build-* Benchmarks/.build Fuzz/.build
