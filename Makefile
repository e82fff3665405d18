# The tasks of this repository. `make` lists them. Their scripts are in packaging/.

VERSION ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null | sed 's/^v//' | grep . || echo 0.1.0-dev)
# The same number of digits in every clone.
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
# The time of the last commit: the same source gives the same files.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
LDFLAGS := -X main.version=$(VERSION) -X main.commit=$(COMMIT)
# Without HTTP/2, which nothing here uses, the program is half a megabyte smaller.
TAGS := nethttpomithttp2
# Code of other projects that runs rarely need not be inlined. Without inlining, the program
# is a megabyte smaller, on disk and partly in memory.
GCFLAGS := -gcflags=all=-l $(patsubst %,-gcflags=%=,clawtray/... runtime/... internal/... github.com/gorilla/websocket)
export VERSION LDFLAGS TAGS GCFLAGS

# The prefix of `make install`.
PREFIX ?= $(HOME)/.local

# Finds or downloads a suitable Go when a recipe needs it for the first time.
GO = $(eval GO := $(or $(shell sh packaging/bootstrap.sh),$(error no Go to build with)))$(GO)
# Runs a script with this Go first in its PATH.
SCRIPT = PATH="$(dir $(GO)):$$PATH" sh packaging/

.PHONY: help build run install uninstall test check desktops test-matrix lint mutate chaos soak texts bench dist dist-verify dist-repos clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 13

build: ## build build/clawtray
	@echo "building build/clawtray"
	@. packaging/progress.sh; elapsed "building" env CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' $(GCFLAGS) -ldflags '$(LDFLAGS)' -o build/clawtray .

# The gateway, and what its agents build, get the user's environment, without the variables
# that make and this file export for our own scripts.
PROGRAM := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKE_TERMOUT -u MAKE_TERMERR -u MAKEOVERRIDES \
	-u VERSION -u LDFLAGS -u TAGS -u GCFLAGS -u SOURCE_DATE_EPOCH ./build/clawtray

run: build ## build it, get Node and OpenClaw if they are missing, and run it
	$(PROGRAM) install --if-missing
	$(PROGRAM)

install: build ## install it for yourself, in ~/.local (or PREFIX=FOLDER)
	@sh packaging/install.sh '$(PREFIX)'

uninstall: ## remove what make install has installed
	@sh packaging/install.sh --remove '$(PREFIX)'

test: ## vet and the tests: about 10 minutes on a fresh machine, then only of what has changed
	@MAKE='$(MAKE)' sh packaging/test.sh

check: build ## all the rest: six platforms, old versions, desktops, wine; about 20 minutes
	@$(SCRIPT)check.sh

desktops: ## the tray in GNOME, KDE and sway, with pictures in build/screenshots; as root
	@sh packaging/packages.sh desktops
	@$(SCRIPT)desktops.sh

test-matrix: build ## all tests with real gateways, with each version of OpenClaw; an hour or two
	@$(SCRIPT)matrix.sh

lint: ## look at the code without running it, for six platforms
	@sh packaging/packages.sh lint
	@$(SCRIPT)lint.sh

mutate: ## break the code in many ways and see that a test notices each
	$(GO) run ./packaging/mutate

chaos: build ## real faults for a real gateway: MINUTES=10 SEED=N
	@$(SCRIPT)chaos.sh

soak: build ## live a day with a fake gateway in a minute, and see that nothing grows
	$(GO) run ./packaging/soak build/clawtray

bench: build ## measure, beside others that do the same: 70 minutes; ARGS="-parts rpc" for a part
	@$(SCRIPT)bench.sh $(ARGS)

dist: ## make what a release needs, in dist/
	@sh packaging/packages.sh dist
	@$(SCRIPT)dist.sh

dist-verify: ## make it again elsewhere, and compare it with dist/SHA256SUMS
	@MAKE="$(MAKE)" $(SCRIPT)verify.sh

dist-repos: ## make apt and dnf repositories of dist/, in dist-repos/
	@sh packaging/packages.sh --must repos
	@sh packaging/repos.sh dist-repos dist

texts: ## write every text in both languages to build/texts.md
	mkdir -p build
	$(GO) test ./tray -count=1 -run TestTextsPage -texts="$(CURDIR)/build/texts.md"

clean: ## remove what was built
	rm -rf build dist dist-repos
