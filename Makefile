# clawtray's chores. `make` lists them. The scripts behind them are in packaging/.

VERSION ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null | sed 's/^v//' | grep . || echo 0.1.0-dev)
COMMIT  := $(shell git rev-parse --short HEAD 2>/dev/null)
# The time of the last commit: the same source gives the same files.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
LDFLAGS := -X main.version=$(VERSION) -X main.commit=$(COMMIT)
# Without HTTP/2, which nothing here speaks, the program is half a megabyte smaller.
TAGS := nethttpomithttp2
# Other people's code that runs now and then need not be inlined: without that
# the program is a megabyte smaller, on disk and in part in memory.
GCFLAGS := -gcflags=all=-l $(patsubst %,-gcflags=%=,clawtray/... runtime/... internal/... github.com/gorilla/websocket)
export VERSION LDFLAGS TAGS GCFLAGS

# Finds a suitable Go, or gets one, the first time that a recipe needs it.
GO = $(eval GO := $(or $(shell sh packaging/bootstrap.sh),$(error no Go to build with)))$(GO)
# Runs a script with that Go first in its PATH.
SCRIPT = PATH="$(dir $(GO)):$$PATH" sh packaging/

.PHONY: help build run test test-matrix lint bench dist clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 13

build: ## build build/clawtray
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' $(GCFLAGS) -ldflags '$(LDFLAGS)' -o build/clawtray .

run: build ## build it, get Node and OpenClaw if they are missing, and run it
	build/clawtray install --if-missing
	build/clawtray

test: build ## run every check and every test (installs the tools it needs on Debian)
	@$(SCRIPT)test.sh

test-matrix: build ## live a life with each version of OpenClaw
	@$(SCRIPT)matrix.sh

lint: ## look at the code without running it
	@sh packaging/packages.sh lint
	@$(SCRIPT)lint.sh

bench: build ## measure
	@$(SCRIPT)bench.sh

dist: build ## make what a release needs, in dist/
	@sh packaging/packages.sh dist
	@$(SCRIPT)dist.sh

clean: ## remove what was built
	rm -rf build dist
