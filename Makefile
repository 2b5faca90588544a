# multi-layer-cache. "make" alone lists what there is to make.

.DEFAULT_GOAL := help

# Tools are pinned here and fetched by Go when used, so that go.mod holds what
# the program needs and nothing else.
WIRE     := go run github.com/google/wire/cmd/wire@v0.7.0
SWAG     := go run github.com/swaggo/swag/cmd/swag@v1.16.6
MOCKERY  := go run github.com/vektra/mockery/v3@v3.9.0
LINT     := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
REDOCLY  := npx --yes @redocly/cli@2.77.0

REDOC_VERSION := 3.0.1
REDOC_SHA256  := 8c70c2de83d33e33a75b225e573d6d9fe851f066f824b44b1637d831d52d7543
REDOC_SCRIPT  := adapters/httpapi/assets/redoc.standalone.js

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)

# What coverage is measured over: all but what is generated or only tests.
COVERED    = $(shell go list ./... 2>/dev/null | grep -v -e /mocks -e /docs -e /portstest -e /redistest | paste -sd, -)
COVER_MIN := 85

TESTFLAGS ?=

# Comparisons with other caches are a module of their own, so that none of them
# is a dependency of this one.
COMPARE := adapters/lru/compare

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: assets ## run the service on port 8000, with an embedded second layer unless MLCACHE_REDIS_URL is set
	go run -ldflags '$(LDFLAGS)' ./cmd/mlcache

.PHONY: test
test: ## run the tests (those against Redis need redis-server); TESTFLAGS=-race for the race detector
	@command -v redis-server >/dev/null || echo "no redis-server: the tests against a real Redis are SKIPPED (Debian: apt-get install redis-server)"
	@command -v chromium >/dev/null || echo "no chromium: the tests of the pages in a browser are SKIPPED (Debian: apt-get install chromium)"
	go test $(TESTFLAGS) ./...

.PHONY: test-fleet
test-fleet: ## run the long tests of several processes on a real Redis (10 minutes); TESTFLAGS=-race for the race detector
	@command -v redis-server >/dev/null || { echo "test-fleet needs redis-server (Debian: apt-get install redis-server redis-sentinel)"; exit 1; }
	go test $(TESTFLAGS) -tags fleet -run 'Fleet' -timeout 25m ./adapters/redis ./cmd/mlcache

.PHONY: measure-fleet
measure-fleet: ## print how long waiters, invalidations and takeovers take, on several processes and a real Redis (2 minutes)
	@command -v redis-server >/dev/null || { echo "measure-fleet needs redis-server (Debian: apt-get install redis-server)"; exit 1; }
	@go test -tags measure -run TestMeasure -v -count=1 -timeout 15m ./cmd/mlcache | grep -e '^|' -e FAIL -e '^$$'

.PHONY: test-compare
test-compare: ## run the tests of what compares the LRU with others, a module of its own
	cd $(COMPARE) && go vet ./... && go test $(TESTFLAGS) ./...

.PHONY: lint
lint: ## vet and lint, layer rules included
	go vet ./...
	$(LINT) run

.PHONY: lint-api
lint-api: ## lint the API description (needs npm)
	@command -v npx >/dev/null || { echo "lint-api needs npx: install Node.js 20.19 or later with npm"; exit 1; }
	cd docs && REDOCLY_TELEMETRY=off $(REDOCLY) lint --config .redocly.yaml swagger.json

.PHONY: generate
generate: ## make wire_gen.go, the API description and the mocks anew
	$(WIRE) ./cmd/mlcache
	$(SWAG) fmt -g doc.go -d adapters/httpapi
	$(SWAG) init --quiet -g doc.go -d adapters/httpapi -o docs
	cd ports && $(MOCKERY) --log-level=error

.PHONY: build
build: assets ## build bin/mlcache
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/mlcache ./cmd/mlcache

.PHONY: bench
bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-peers
bench-peers: ## compare the LRU with other caches, a table (40 minutes)
	cd $(COMPARE) && go run ./peers -format markdown

.PHONY: replay
replay: ## print hit ratios over a trace: make replay TRACE=file CAPACITY=n[,n...]
	@test -n "$(TRACE)" && test -n "$(CAPACITY)" || { echo "usage: make replay TRACE=file CAPACITY=n[,n...]"; exit 1; }
	cd $(COMPARE) && go run ./replay -capacity $(CAPACITY) $(abspath $(TRACE))

.PHONY: cover
cover: ## run the tests and print the coverage of what is not generated
	@go test $(TESTFLAGS) -coverprofile=coverage.out -coverpkg=$(COVERED) ./... >coverage.txt 2>&1; \
		status=$$?; sed 's/ of statements in .*//' coverage.txt; exit $$status
	@grep -v wire_gen.go coverage.out >coverage.txt && mv coverage.txt coverage.out
	@go tool cover -func=coverage.out | awk '/^total:/ { sub("%", "", $$3); \
		printf "coverage of non-generated code: %s %% (at least $(COVER_MIN) %%)\n", $$3; exit $$3 < $(COVER_MIN) }'

.PHONY: diagram
diagram: ## draw docs/architecture.png from docs/architecture.svg
	@command -v rsvg-convert >/dev/null || { echo "diagram needs rsvg-convert (Debian: apt-get install librsvg2-bin fonts-inter)"; exit 1; }
	rsvg-convert -w 1600 docs/architecture.svg -o docs/architecture.png

.PHONY: up
up: ## run the service and Redis by docker compose
	@command -v docker >/dev/null || { echo "up needs Docker with the compose plugin: https://docs.docker.com/engine/install"; exit 1; }
	VERSION=$(VERSION) docker compose up --build

.PHONY: ci
ci: ## what CI does, on this machine
	CI=true bash .ci/run

# ReDoc's script is embedded when it is there; without npm the page loads it
# from its CDN instead.
.PHONY: assets
assets: ## fetch ReDoc's script from npm, to be embedded
	@if [ -f $(REDOC_SCRIPT) ]; then exit 0; fi; \
	if ! command -v npm >/dev/null; then echo "no npm: /redoc will load its script from a CDN"; exit 0; fi; \
	dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	if ! (cd "$$dir" && npm pack --silent redoc@$(REDOC_VERSION) >/dev/null 2>&1 && tar xzf redoc-*.tgz); then \
		echo "npm cannot fetch redoc: /redoc will load its script from a CDN"; exit 0; fi; \
	echo "$(REDOC_SHA256)  $$dir/package/bundles/redoc.standalone.js" | sha256sum --check --quiet - && \
	cp "$$dir/package/bundles/redoc.standalone.js" $(REDOC_SCRIPT)
