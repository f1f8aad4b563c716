# The targets are thin: what they do is in scripts/ and can be run without make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := $(CURDIR)/bin

.PHONY: help run build test cover bench bench-peers million lint fmt generate tools clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## build, and serve in dev mode on :8089 (ARGS="--flag …" adds flags)
	go build -o pushd ./cmd/pushd
	./pushd serve --dev $(ARGS)

build: ## build ./pushd and ./pushbench
	go build -o pushd ./cmd/pushd
	go build -o pushbench ./bench

test: tools ## install what tests need (Debian), then lint, commits, test, test -race, fuzz
	scripts/test.sh

cover: ## what tests run, with the servers that they start: total, by package, build/cover.html
	scripts/cover.sh

bench: tools ## Go benchmarks of every package, summarised in build/bench.txt
	scripts/bench.sh

bench-peers: ## measure pushd and its peers side by side into build/peers.md (ARGS="--quick")
	go build -o pushbench ./bench
	mkdir -p build
	./pushbench compare --output build/peers $(ARGS)

million: ## N connections (N=1000000) on one process in a virtual machine, see bench/million
	go run ./bench/million vm -n $(or $(N),1000000) $(ARGS)

lint: tools ## lint Go and shell, check formatting
	scripts/lint.sh

fmt: tools ## format the Go code and apply the linters' own fixes
	$(BIN)/golangci-lint fmt
	$(BIN)/golangci-lint run --fix ./... || true

generate: ## regenerate what is generated (go generate)
	go generate ./...

clean: ## remove what the other targets made
	rm -rf bin build pushd pushbench

# The tools have a module of their own, so that their hundreds of dependencies
# never meet the server's. Go's build cache makes a second build free.
tools: $(BIN)/.stamp
$(BIN)/.stamp: tools/go.mod tools/go.sum
	GOBIN=$(BIN) go -C tools install tool
	@touch $@
