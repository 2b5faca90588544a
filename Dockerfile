# syntax=docker/dockerfile:1

# --- the files of other projects that the pages load, as "make assets" fetches and checks them ------------------
FROM --platform=$BUILDPLATFORM node:24-alpine AS assets
WORKDIR /src
COPY adapters/httpapi/vendor.sh adapters/httpapi/
COPY adapters/httpapi/assets adapters/httpapi/assets
RUN --mount=type=cache,target=/root/.npm \
    sh adapters/httpapi/vendor.sh

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
    go build -trimpath -tags nomsgpack,grpcnotrace -ldflags "-s -w -X main.version=${VERSION}" -o /out/mlcache ./cmd/mlcache \
 && mkdir -m 700 /out/data
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    make licenses && mv bin/licenses /out/licenses

# --- the image: the program, licences and CA certificates, no shell ---------------------
FROM gcr.io/distroless/static-debian13:nonroot
ARG VERSION=dev
LABEL org.opencontainers.image.title="multi-layer-cache" \
      org.opencontainers.image.description="Read-through cache in two layers: memory, then Redis, then the source" \
      org.opencontainers.image.source="https://github.com/multi-layer-cache/multi-layer-cache" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /out/mlcache /mlcache
COPY --from=build /out/licenses /licenses
# For MLCACHE_DATA_DIR=/data. A named volume mounted here takes over the owner.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
EXPOSE 8000
# It asks at the address that the command line or the environment of the container says,
# and takes some 10 ms of CPU.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --start-interval=500ms --retries=3 \
    CMD ["/mlcache", "healthcheck"]
ENTRYPOINT ["/mlcache"]
