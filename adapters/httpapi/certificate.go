package httpapi

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateAge is how long a certificate is used before its files are read again.
const certificateAge = time.Second

// Certificate is that of the service. It is read from two files, and again when they
// have changed; one that cannot be used leaves the one before in place. It is safe for
// concurrent use.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	used              atomic.Pointer[certificate]
	read              atomic.Int64 // when the files were read last, in Unix nanoseconds
}

// certificate is one that can be used.
type certificate struct {
	tls.Certificate
	seen digest // of what the files held when they were read last, or of why they could not be read
}

// NewCertificate reads a certificate, with the chain that leads to it, and its key, both
// in PEM.
func NewCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	seen, cert, err := c.load()
	if err != nil {
		return nil, err
	}
	c.used.Store(&certificate{cert, seen})
	c.read.Store(time.Now().UnixNano())
	return c, nil
}

// Config returns a configuration of servers that have the certificate and speak HTTP/1.1.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c.refresh()
			return &c.used.Load().Certificate, nil
		},
	}
}

// refresh reads the files again when it is time to. Only one handshake does so, the
// others go on with what there is.
func (c *Certificate) refresh() {
	last, now := c.read.Load(), time.Now().UnixNano()
	if now-last < int64(certificateAge) || !c.read.CompareAndSwap(last, now) {
		return
	}
	before := c.used.Load()
	seen, cert, err := c.load()
	switch {
	case seen == before.seen:
	case err != nil:
		c.log.Error("the new TLS certificate cannot be used, the one before still is", "err", err)
		c.used.Store(&certificate{before.Certificate, seen})
	default:
		c.log.Info("the TLS certificate was replaced", "not_after", cert.Leaf.NotAfter)
		c.used.Store(&certificate{cert, seen})
	}
}

func (c *Certificate) load() (seen digest, cert tls.Certificate, err error) {
	chain, err := os.ReadFile(c.certFile)
	if err != nil {
		return digestOf(err.Error()), cert, err
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return digestOf(err.Error()), cert, err
	}
	cert, err = tls.X509KeyPair(chain, key)
	return digestOf(string(chain) + string(key)), cert, err
}
