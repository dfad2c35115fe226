# Bare "make" lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help build run test test-systemd dependencies truth quiet-hour discovery-cost test-neo4j big-store lab random-faults long-faults bench sim fuzz install uninstall setup setup-test clean

# What -version says. A tree without git (a tarball) builds as well.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
DATE    ?= $(shell date -u +%Y-%m-%dT%H:%M:%SZ)
LDFLAGS := -s -w -X assim/version.Version=$(VERSION) -X assim/version.Commit=$(COMMIT) -X assim/version.Date=$(DATE)
# The agent is on every system: code that is not in a hurry is not inlined there,
# which makes it 4 % smaller.
SMALL   := $(foreach p,assim/... crypto/tls crypto/x509 net github.com/BurntSushi/toml encoding/json reflect regexp/... math/big,-gcflags=$(p)=-l)
export CGO_ENABLED := 0

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/cma, bin/nanoprobe and bin/assim
	@mkdir -p bin
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/assim ./cmd/cma
	go build -trimpath -ldflags '$(LDFLAGS)' $(SMALL) -o bin/ ./cmd/nanoprobe

run: setup build ## start a CMA and a nanoprobe on this machine and print the picture
	@scripts/run

test: setup-test ## run every test there is (as root: it builds network namespaces)
	@scripts/test

test-crowd: setup-test build ## every change of keys with 52 busy systems in a lab (as root, 5 to 10 minutes)
	@go test ./e2e -count=1 -v -timeout 30m -run TestACrowdFollows -crowd 52

test-neo4j: ## run the store's tests on a real Neo4j (needs a JDK and Maven)
	@scripts/test-neo4j

big-store: ## a store with a million nodes and as many relationships: how soon it opens, also after kill -9 (a minute)
	@go test ./graph/embedded -count=1 -v -timeout 10m -run TestABigStoreOpensAtOnce -big 1000000

test-systemd: setup-test build ## install, enable, kill and upgrade under a real systemd in a container (as root)
	@scripts/test-systemd

lab: setup-test build ## 2 switches, 20 systems and a CMA to play with, until Ctrl-C (LAB=FILE for your own)
	@go run ./e2e/lab/cmd -bin bin $(if $(LAB),-plan $(LAB))

random-faults: setup-test build ## random combinations of faults on the lab, as root (SEEDS=1-100, or SEEDS=7 to repeat one)
	ASSIM_LAB=required ASSIM_BIN=$(CURDIR)/bin ASSIM_SEEDS=$(or $(SEEDS),1-100) go test ./e2e -count=1 -v -timeout 90m -parallel 6 -run TestRandomFaults

long-faults: setup-test build ## two CMAs, deaf and suspended systems, one address twice, a ring of 30, on the lab, as root
	ASSIM_LAB=required ASSIM_BIN=$(CURDIR)/bin ASSIM_LONG=1 go test ./e2e -count=1 -v -timeout 30m -parallel 4 -run '$(or $(RUN),TwoCMAs|Deaf|Suspended|SameAddress|LargeRing)'

bench: setup ## measure ourselves and our peers, every program under bench/ (ARGS=-json for programs)
	@shopt -s nullglob; for main in bench/*/main.go bench/*/cmd/main.go; do \
		echo "== $$(dirname $$main)" >&2; go run ./$$(dirname $$main) $(ARGS); done

dependencies: setup-test build ## 60 known pairs for 5 minutes: each a dependency in the graph, and none invented (as root)
	@ASSIM_LAB=required ASSIM_BIN=$$PWD/bin ASSIM_DEPENDENCIES=whole go test -count=1 -timeout 10m -v ./e2e/dependencies

truth: setup-test build ## what is discovered equals what the host's own tools say, here and in other root file systems (as root)
	@ASSIM_LAB=required ASSIM_BIN=$$PWD/bin ASSIM_TRUTH=whole go test -count=1 -timeout 20m -v ./e2e/truth

quiet-hour: setup-test build ## count what systems send in an hour of ordinary load (QUIET=10m for less)
	@ASSIM_LAB=required ASSIM_BIN=$(CURDIR)/bin ASSIM_QUIET=$(or $(QUIET),1h) go test ./e2e -count=1 -v -timeout 3h -run TestASystemUnderOrdinaryLoad

discovery-cost: setup-test build ## measure discovery on a box with 20,000 sockets, 2,000 processes, 100,000 files
	@go build -o bin/discovery-cost ./bench/discovery/box && bin/discovery-cost -bin bin $(ARGS)

sim: ## simulate an installation (ARGS="-n 1000000")
	@go run ./sim/cmd $(ARGS)

fuzz: ## fuzz every decoder for FUZZTIME each (10s)
	@scripts/fuzz $(or $(FUZZTIME),10s)

install: build ## install the programs and their units (DESTDIR=DIR for a package)
	@scripts/install $(DESTDIR)

uninstall: ## stop the services and remove what "make install" put; PURGE=yes removes their state as well
	@scripts/uninstall $(DESTDIR)

setup: ## install what building and running need, where it is missing
	@scripts/setup

setup-test: ## install what the tests need, where it is missing
	@scripts/setup test

clean: ## remove what was built
	rm -rf bin
