# syntax=docker/dockerfile:1

# --- the scripts of the pages, as "make assets" fetches and checks it ------------------
FROM --platform=$BUILDPLATFORM node:24-alpine AS assets
RUN apk add --no-cache coreutils make
WORKDIR /src
COPY Makefile ./
COPY adapters/httpapi/assets adapters/httpapi/assets
RUN --mount=type=cache,target=/root/.npm \
    make assets && test -s adapters/httpapi/assets/redoc.standalone.js && test -s adapters/httpapi/assets/uPlot.iife.min.js

# --- the program -------------------------------------------------------------
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download
COPY . .
COPY --from=assets /src/adapters/httpapi/assets adapters/httpapi/assets
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/mlcache ./cmd/mlcache \
 && mkdir -m 700 /out/data

# --- the image: the program and CA certificates, no shell ---------------------
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
LABEL org.opencontainers.image.title="multi-layer-cache" \
      org.opencontainers.image.description="Read-through cache in two layers: memory, then Redis, then the source" \
      org.opencontainers.image.source="https://github.com/multi-layer-cache/multi-layer-cache" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /out/mlcache /mlcache
# For MLCACHE_DATA_DIR=/data. A named volume mounted here takes over the owner.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
EXPOSE 8000
# It asks at the address that the command line or the environment of the container says.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/mlcache", "healthcheck"]
ENTRYPOINT ["/mlcache"]
