package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

const varnishConfig = `vcl 4.1;
backend default { .host = "%s"; .port = "%s"; }
sub vcl_backend_response { set beresp.ttl = 1h; }
`

// varnish runs in the foreground, without a jail: as the user that runs it.
func (b *bench) varnish(dir, addr string) (process.Command, error) {
	host, port, err := net.SplitHostPort(b.originSite.addr)
	if err != nil {
		return process.Command{}, err
	}
	file := filepath.Join(dir, "default.vcl")
	return process.Command{Argv: []string{
		b.tools[toolVarnish], "-j", "none", "-F", "-n", filepath.Join(dir, "work"), "-T", "none",
		"-a", addr, "-f", file, "-s", "default,64m",
	}}, os.WriteFile(file, fmt.Appendf(nil, varnishConfig, host, port), 0o600)
}
