package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// servedAt is where a service is asked for its health.
type servedAt struct {
	flag string // that says the address
	addr string
	tls  bool
}

func (c commands) servedAt() servedAt {
	if c.AdminAddr != "" && !c.addrGiven {
		return servedAt{flagAdminAddr, c.AdminAddr, c.TLSCert != ""}
	}
	return servedAt{flagAddr, c.Addr, c.TLSCert != ""}
}

// serviceAt returns where the service is that a healthcheck is for: at the --addr of
// the healthcheck itself, else where the service itself reads that it is, from its
// command line and the environment: at its admin address if it has one, where clients
// do not take all connections. That command line is known where the service is the
// first process of a container, alone or below an init that was given it; cmdline is
// that process's in /proc.
func serviceAt(c commands, program, cmdline string) servedAt {
	if c.addrGiven {
		return c.servedAt()
	}
	raw, err := os.ReadFile(cmdline)
	if err != nil {
		return c.servedAt()
	}
	args := strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
	i := slices.IndexFunc(args, func(arg string) bool { return filepath.Base(arg) == filepath.Base(program) })
	if i < 0 {
		return c.servedAt()
	}
	service, flags, err := parseArgs(args[i+1:], io.Discard)
	if err != nil || flags == nil || service.name != commandServe {
		return c.servedAt()
	}
	service.addrGiven = false
	return service.servedAt()
}

// checkHealth asks the service on this machine. Its certificate is not checked: it is
// for the names by which others know the service.
func checkHealth(ctx context.Context, at servedAt) error {
	host, port, err := net.SplitHostPort(at.addr)
	if err != nil {
		return refused(at.flag, fmt.Errorf("%q is not allowed, want host:port or :port", at.addr))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if at.tls {
		scheme = "https://"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+net.JoinHostPort(host, port)+"/health", nil)
	if err != nil {
		return refused(at.flag, errors.New("no URL can be made of it"))
	}
	client := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	resp, err := client.RoundTrip(req) // no proxy, no redirects
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health is %s", resp.Status)
	}
	return nil
}
