package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	// What the service requires, this module requires at least: so the bare
	// servers are made of the same versions.
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
	_ "github.com/multi-layer-cache/multi-layer-cache/domain"
)

const mainModule = "github.com/multi-layer-cache/multi-layer-cache"

// build makes the binary of the service as "make build" does, in its own module.
func build(ctx context.Context, to string) error {
	root, err := goTool(ctx, "", "list", "-m", "-f", "{{.Dir}}", mainModule)
	if err != nil {
		return err
	}
	_, err = goTool(ctx, strings.TrimSpace(root), "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "./cmd/mlcache")
	return err
}

func goTool(ctx context.Context, dir string, args ...string) (string, error) {
	var failure strings.Builder
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = dir, &failure
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(failure.String()))
	}
	return string(out), nil
}

// makeBinary builds the service, unless the command line names one.
func (b *bench) makeBinary(ctx context.Context) (err error) {
	if b.config.binary != "" {
		b.binary, err = exec.LookPath(b.config.binary)
		return err
	}
	b.binary = filepath.Join(b.dir, "mlcache")
	return build(ctx, b.binary)
}

// ours returns the command of the service with some more settings.
func (b *bench) ours(addr string, more ...string) process.Command {
	return process.Command{Argv: append([]string{
		b.binary, "--addr=" + addr, "--source=http", "--source-url=" + b.originSite.url() + "/{key}", "--ttl=1h", "--max-connections=4096", "--log-level=warn",
	}, more...)}
}

func (b *bench) oursL1(_, addr string) (process.Command, error) { return b.ours(addr), nil }

func (b *bench) oursL2(_, addr string) (process.Command, error) {
	return b.ours(addr, "--l1-max-entries=0", "--redis-url=redis://"+b.redisAddr), nil
}

// oursTraced samples one request in a hundred.
func (b *bench) oursTraced(_, addr string) (process.Command, error) {
	c := b.ours(addr)
	c.Env = []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + b.sinkSite.url(),
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01",
	}
	return c, nil
}
