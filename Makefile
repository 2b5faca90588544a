# multi-layer-cache. "make" alone lists what there is to make.

.DEFAULT_GOAL := help

# Tools are pinned here and fetched by Go when used, so that go.mod holds what
# the program needs and nothing else.
WIRE     := go run github.com/google/wire/cmd/wire@v0.7.0
SWAG     := go run github.com/swaggo/swag/cmd/swag@v1.16.6
MOCKERY  := go run github.com/vektra/mockery/v3@v3.9.0
LINT     := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LICENSES := go run github.com/google/go-licenses@v1.6.0
VULN     := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
SBOM     := go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
RELEASER := go run github.com/goreleaser/goreleaser/v2@v2.14.3
REDOCLY  := npx --yes @redocly/cli@2.77.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Gin's MessagePack, which nothing here speaks, would be a tenth of the program; gRPC's
# own traces, which nothing here shows, keep the linker from leaving out unused methods.
TAGS := nomsgpack,grpcnotrace

# What coverage is measured over: all but what is generated or only tests.
COVERED    = $(shell go list ./... 2>/dev/null | grep -v -e /mocks -e /docs -e /portstest -e /redistest -e /sqltest | paste -sd, -)
COVER_MIN := 85

# Most tests that take long wait for a server or for a TTL, not for a processor.
TESTFLAGS ?=
PARALLEL  := -parallel 8
# A machine may be busy with other things: only what hangs takes that long.
PATIENCE  := -timeout 25m

# Matches the tests in files with a build constraint that begins like that.
constrained = ^($(shell grep -rl --include='*_test.go' 'go:build $(1)' . | xargs grep -oh '^func Test[A-Za-z0-9]*' | cut -d ' ' -f 2 | paste -sd '|' -))$$

# Shows what fails and counts what is skipped. Its status is that of go test.
SUMMARY = { $(1) 2>&1; echo "go test ended with status $$?"; } | awk $(2) -f .ci/summary.awk

# A proof fails unless a test of each package ran and passed.
prove = @$(call SUMMARY,go test -v -count=1 $(PARALLEL) $(TESTFLAGS) -run $(1) $(2),-v proof=1)

# Comparisons with others are a module of their own, so that none of them is a
# dependency of this one.
COMPARE := cmd/compare
DEPLOY  := docs/deploy/verify

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: assets ## run the service on port 8000, with an embedded second layer unless MLCACHE_REDIS_URL is set
	go run -ldflags '$(LDFLAGS)' ./cmd/mlcache

.PHONY: test
test: ## run the tests, and count those that are skipped; TESTFLAGS=-race for the race detector
	@$(call SUMMARY,go test -v $(PARALLEL) $(PATIENCE) $(TESTFLAGS) ./...)

.PHONY: test-fleet
test-fleet: ## run the long tests of several processes on a real Redis, which make test leaves out; TESTFLAGS=-race for the race detector
	@command -v redis-server >/dev/null || { echo "test-fleet needs redis-server (Debian: apt-get install redis-server redis-sentinel)"; exit 1; }
	@$(call SUMMARY,go test -v -count=1 $(PARALLEL) $(TESTFLAGS) -tags fleet -run '$(call constrained,fleet)' $(PATIENCE) ./adapters/redis ./cmd/mlcache ./cmd/mlcache/edge,-v proof=1)

.PHONY: test-fleet-long
test-fleet-long: ## run those with faults at random for ten minutes each; MLCACHE_TEST_SOAK_SEED=n for other faults
	@command -v redis-server >/dev/null || { echo "test-fleet-long needs redis-server (Debian: apt-get install redis-server)"; exit 1; }
	@$(call SUMMARY,MLCACHE_TEST_SOAK=$${MLCACHE_TEST_SOAK:-10m} go test -v -count=1 $(PARALLEL) $(TESTFLAGS) -tags fleet -run 'FleetKeepsItsPromises|FleetFollowsChangesThrough|FleetStoresNothingOlder' -timeout 45m ./cmd/mlcache,-v proof=1)

.PHONY: test-paused
test-paused: ## run the tests with pauses of some milliseconds in all functions, which fails those that rely on luck (15 minutes)
	@dir=$$(mktemp -d); trap "rm -rf $$dir" EXIT; go run .ci/pauses.go $$dir && \
		$(call SUMMARY,go test -v -count=1 -shuffle=on -vet=off -overlay $$dir/overlay.json $(PARALLEL) $(PATIENCE) $(TESTFLAGS) ./...)

.PHONY: prove
prove: prove-one-load prove-shared-failure prove-takeover prove-ttl prove-writes prove-outages prove-lru prove-limits prove-counts prove-api ## prove all promises of README.md, which takes as long as test-fleet; each alone:

.PHONY: prove-one-load
prove-one-load: ## one load per key, for any number of requests
	$(call prove,'Fleet.*(ALoad|Loads|FirstCaller|OwnTime)|Once|OneLoad',./app ./cmd/mlcache)

.PHONY: prove-shared-failure
prove-shared-failure: ## a failed load is one call, shared, and not repeated at once
	$(call prove,Cooldown,./app)
	$(call prove,FleetProves/failing-source,./cmd/mlcache)

.PHONY: prove-takeover
prove-takeover: ## another instance takes over a load whose instance dies
	$(call prove,'FleetProves/(killed|paused)-holder',./cmd/mlcache)

.PHONY: prove-ttl
prove-ttl: ## nothing is served as fresh past its TTL
	$(call prove,'TTL|Promoted',./app ./domain)

.PHONY: prove-writes
prove-writes: ## after a PUT or DELETE no request gets the old value, and no load brings it back
	$(call prove,'Delete|Write|FleetReturnsNothing|FleetServesNothingOld|FleetSharesNothingOld|FleetKeepsNo',-tags fleet ./app ./cmd/mlcache)

.PHONY: prove-outages
prove-outages: ## memory answers while Redis is in trouble, and all recovers by itself
	$(call prove,'FleetOutlives|FleetServesWithoutRedis|FleetLosesNo|FleetUnderSentinel|FleetOnACluster|Trouble',-tags fleet $(PATIENCE) ./adapters/redis ./cmd/mlcache)

.PHONY: prove-lru
prove-lru: ## L1 is an LRU within its bounds
	$(call prove,.,./adapters/lru)

.PHONY: prove-limits
prove-limits: ## source calls and waiters are bounded
	$(call prove,'Slot|AtOnce|Waiters',./app)

.PHONY: prove-counts
prove-counts: ## each request is counted exactly once, and all views show the same counters
	$(call prove,'CountedExactlyOnce|TellTheSame',./app ./cmd/mlcache)

.PHONY: prove-api
prove-api: ## the API is as it is described
	$(call prove,'Contract',./cmd/mlcache)

.PHONY: mutate-promises
mutate-promises: ## take each guard out of the program and see the scenario of "mlcache prove" fail that needs it (10 minutes)
	@command -v redis-server >/dev/null || { echo "mutate-promises needs redis-server (Debian: apt-get install redis-server redis-sentinel)"; exit 1; }
	$(call prove,Guard,-tags mutate -timeout 40m ./cmd/mlcache/prove)

.PHONY: measure-fleet
measure-fleet: ## print the latency of waiters, invalidations and takeovers, loads that leave nothing to share, on several processes and a Redis 0 to 50 ms away, and what the inspector finds (12 minutes)
	@command -v redis-server >/dev/null || { echo "measure-fleet needs redis-server (Debian: apt-get install redis-server)"; exit 1; }
	@go test -p 1 -tags measure -run TestMeasure -v -count=1 -timeout 30m ./cmd/mlcache ./adapters/redis | grep -e '^|' -e FAIL -e '^$$'

.PHONY: test-compare
test-compare: ## run the tests of the comparisons with others, which are a module of their own
	cd $(COMPARE) && go vet ./... && go test $(TESTFLAGS) ./...

.PHONY: test-deploy
test-deploy: ## check the files for Kubernetes and Docker Compose against what these take, in a module of their own
	cd $(DEPLOY) && go vet ./... && go test $(TESTFLAGS) ./...

.PHONY: lint
lint: ## vet and lint, layer rules included
	go vet ./...
	$(LINT) run

.PHONY: lint-api
lint-api: ## lint the API description (needs npm)
	@command -v npx >/dev/null || { echo "lint-api needs npx: install Node.js 20.19 or later with npm"; exit 1; }
	cd docs && REDOCLY_TELEMETRY=off $(REDOCLY) lint --config .redocly.yaml ../adapters/httpapi/assets/openapi.json

.PHONY: generate
generate: ## regenerate wire_gen.go, the API description and the mocks
	$(WIRE) ./cmd/mlcache
	$(SWAG) fmt -g doc.go -d adapters/httpapi
	$(SWAG) init --quiet -g doc.go -d adapters/httpapi -o docs
	go run ./docs/openapi docs/swagger.json adapters/httpapi/problem.go docs/openapi/examples.json adapters/httpapi/assets/openapi.json
	cd ports && $(MOCKERY) --log-level=error

.PHONY: transcripts
transcripts: ## run the commands that the documents show, and write their output into them
	UPDATE_TRANSCRIPTS=1 go test -count=1 -run Transcripts ./cmd/mlcache

.PHONY: build
build: assets ## build bin/mlcache
	CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/mlcache ./cmd/mlcache

# What may be linked. Another licence fails the target, until somebody has read it.
PERMISSIVE := Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT
# Read by hand. modernc.org/mathutil is BSD-3-Clause, in a layout that go-licenses does
# not know. github.com/go-sql-driver/mysql is MPL-2.0: its own files, which we use
# unchanged, stay under it, and their source is at the address that is its name.
READ := modernc.org/mathutil github.com/go-sql-driver/mysql

.PHONY: licenses
licenses: assets ## put the licences of all that bin/mlcache contains into bin/licenses; fail if one is not permissive
	@export GOROOT=$$(go env GOROOT); \
	out=$$({ $(LICENSES) check $(READ:%=--ignore %) --allowed_licenses=$(PERMISSIVE) ./cmd/mlcache && \
		$(LICENSES) save $(READ:%=--ignore %) --force --save_path=bin/licenses ./cmd/mlcache; } 2>&1) || { echo "$$out"; exit 1; }; \
	mkdir -p bin/licenses/go && cp "$$GOROOT/LICENSE" bin/licenses/go/ && \
	for m in $(READ); do \
		mkdir -p bin/licenses/$$m && cp "$$(go list -m -f '{{.Dir}}' $$m)/LICENSE" bin/licenses/$$m/ || exit 1; done; \
	if [ -d adapters/httpapi/assets/vendored ]; then \
		cp -R adapters/httpapi/assets/vendored/_licenses bin/licenses/npm && \
		for f in bin/licenses/npm/*/LICENSE; do \
			grep -qE 'MIT License|Apache License' $$f || { echo "$$f: neither MIT nor Apache-2.0"; exit 1; }; done; \
	fi

.PHONY: sbom
sbom: build ## put a list of all that bin/mlcache contains into bin/mlcache.cdx.json (CycloneDX)
	$(SBOM) bin -json -licenses -output bin/mlcache.cdx.json bin/mlcache

.PHONY: manuals
manuals: ## put the completions for bash, zsh and fish, and the page for man, into bin
	@mkdir -p bin/completions bin/man
	go build -o bin/printer -tags $(TAGS) -ldflags '$(LDFLAGS)' ./cmd/mlcache
	for shell in bash zsh fish; do bin/printer completion $$shell >bin/completions/mlcache.$$shell || exit 1; done
	bin/printer man >bin/man/mlcache.1 && rm bin/printer

.PHONY: cross
cross: ## compile for another system: make cross TARGET=windows/amd64
	@test -n "$(TARGET)" || { echo "usage: make cross TARGET=os/arch"; exit 1; }
	CGO_ENABLED=0 GOOS=$(firstword $(subst /, ,$(TARGET))) GOARCH=$(lastword $(subst /, ,$(TARGET))) \
		go build -trimpath -tags $(TAGS) -o /dev/null ./cmd/mlcache

.PHONY: release-check
release-check: ## check the configuration of goreleaser, and build what a release has, without publishing it (10 minutes)
	$(RELEASER) check
	$(RELEASER) release --clean --snapshot --skip=publish

.PHONY: vulnerabilities
vulnerabilities: ## look for known vulnerabilities in what is called; says so when the database is out of reach
	@if ! out=$$($(VULN) ./cmd/mlcache 2>&1); then \
		case "$$out" in *"fetching vulnerabilities"*) echo "NOT CHECKED for known vulnerabilities: vuln.go.dev is out of reach" ;; *) echo "$$out"; exit 1 ;; esac; \
	fi

.PHONY: bench
bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-peers
bench-peers: ## compare the LRU with other caches, a table (40 minutes)
	cd $(COMPARE) && go run ./peers -format markdown

.PHONY: bench-http
bench-http: ## compare the service with nginx, Varnish and bare Gin over HTTP, a table (7 minutes)
	cd $(COMPARE) && go run ./http -format markdown

.PHONY: bench-stampede
bench-stampede: ## compare what reaches the source with other loaders on a real Redis, a table (15 minutes)
	@command -v redis-server >/dev/null || { echo "bench-stampede needs redis-server (Debian: apt-get install redis-server)"; exit 1; }
	cd $(COMPARE) && go run ./stampede -format markdown

.PHONY: bench-sql
bench-sql: ## compare a thousand cold rows of PostgreSQL through the cache with one statement written by hand (1 minute)
	go test -run '^$$' -bench Rows -benchtime 200x ./adapters/sqlsource ./cmd/mlcache

.PHONY: bench-smoke
bench-smoke: ## run the benchmarks of the hot path briefly, and the tests that are left out with the race detector: what it allocates, and long simulations
	go test -count=1 -run '$(call constrained,!race)' -bench 'GetHit|AHit|SetEvict' -benchtime 200ms -benchmem ./adapters/lru ./adapters/mlcache ./app ./adapters/httpapi

.PHONY: replay
replay: ## print hit ratios over a trace: make replay TRACE=file CAPACITY=n[,n...]
	@test -n "$(TRACE)" && test -n "$(CAPACITY)" || { echo "usage: make replay TRACE=file CAPACITY=n[,n...]"; exit 1; }
	cd $(COMPARE) && go run ./replay -capacity $(CAPACITY) $(abspath $(TRACE))

.PHONY: scaling
scaling: ## simulate the load of fleets on Redis and on the source: two tables, and docs/scaling-*.svg (half a minute)
	cd $(COMPARE) && go run ./scale -format markdown -svg $(CURDIR)/docs

.PHONY: cover
cover: ## run the tests and print the coverage of what is not generated
	@$(call SUMMARY,go test -v $(PARALLEL) $(PATIENCE) $(TESTFLAGS) -coverprofile=coverage.out -coverpkg=$(COVERED) ./...)
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

.PHONY: up-observe
up-observe: ## the same with Prometheus (port 9090) and Grafana (port 3000)
	@command -v docker >/dev/null || { echo "up-observe needs Docker with the compose plugin: https://docs.docker.com/engine/install"; exit 1; }
	VERSION=$(VERSION) docker compose --profile observe up --build

.PHONY: ci
ci: ## what CI does, on this machine
	CI=true bash .ci/run

# The files of other projects that the pages load are embedded when they are there;
# without npm the pages load them from a CDN instead.
.PHONY: assets
assets: ## fetch Swagger UI, ReDoc and uPlot from npm, to be embedded
	@sh adapters/httpapi/vendor.sh || { test $$? = 3 && \
		echo "npm cannot fetch what adapters/httpapi/assets/vendored.txt lists: /docs, /redoc and /dashboard will load it from a CDN"; }

.PHONY: test-assets
test-assets: ## fetch axe-core from npm, by which the tests of the pages look for accessibility
	@sh adapters/httpapi/vendor.sh cmd/mlcache/testdata/axe || { test $$? = 3 && echo "npm cannot fetch axe-core: the tests of the pages skip what needs it"; }
