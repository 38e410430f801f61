# make run | test | test-faults (root) | lint | bench | screenshots | install PREFIX=/usr/local | clean
SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
CONFIG ?= config.yaml
SWIFT ?= swift

# Exclusivity checks and the dynamic runtime cost 4-12 % of a proxied request (docs/performance.md).
RELEASE := -c release -Xswiftc -enforce-exclusivity=unchecked --static-swift-stdlib
PODIUM = $(shell $(SWIFT) build $(RELEASE) --show-bin-path)/podium
SOURCES := Package.swift Sources Tests Benchmarks
VENV := .build/venv

.PHONY: run build release test test-unit test-faults test-end-to-end lint format bench screenshots install uninstall clean setup setup-test

run: release
	@if [ -e "$(CONFIG)" ]; then exec "$(PODIUM)" run --config "$(CONFIG)"; \
	else echo "no $(CONFIG): starting the demo (see config.yaml.example)"; exec "$(PODIUM)" demo; fi

setup:
	@.ci/install-packages build

setup-test:
	@.ci/install-packages test

build: setup
	$(SWIFT) build

release: setup
	$(SWIFT) build $(RELEASE) --product podium

test: setup-test test-unit test-end-to-end

test-unit: setup-test
	$(SWIFT) test

# Full, bound, immutable and read-only file systems: real ones, so it needs root.
test-faults: setup-test
	PODIUM_TEST_ROOT=1 $(SWIFT) test --filter PersistenceTests

$(VENV)/ready: Tests/EndToEnd/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# On the release build: it is what people run, and an optimiser can break what a debug build forgives.
test-end-to-end: setup-test $(VENV)/ready release
	PODIUM="$(PODIUM)" $(VENV)/bin/python -m pytest -q Tests/EndToEnd

# Lint also builds everything with warnings as errors, so that a warning never lands.
lint: setup
	$(SWIFT) format lint --strict --recursive --parallel $(SOURCES)
	PODIUM_STRICT=1 $(SWIFT) build --build-tests

format:
	$(SWIFT) format --in-place --recursive --parallel $(SOURCES)

bench:
	@.ci/install-packages bench
	Benchmarks/run

screenshots: release
	@.ci/install-packages screenshots
	PODIUM="$(PODIUM)" screenshots/take

install: release
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/doc/podium"
	install -m 755 "$(PODIUM)" "$(DESTDIR)$(PREFIX)/bin/podium"
	install -m 644 README.md CHANGELOG.md LICENSE config.yaml.example "$(DESTDIR)$(PREFIX)/share/doc/podium/"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/podium"
	rm -rf "$(DESTDIR)$(PREFIX)/share/doc/podium"

clean:
	rm -rf .build Benchmarks/.build
