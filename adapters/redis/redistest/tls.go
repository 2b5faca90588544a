package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	aclUser, aclPassword     = "mlcache", "s3cret/+"
	adminUser, adminPassword = "admin", "admin"
)

// Certificate is one for 127.0.0.1, with a CA of its own.
type Certificate struct {
	// CAFile holds the CA's certificate. Go programs on Unix trust it when the
	// environment variable SSL_CERT_FILE names it before the first connection.
	CAFile            string
	certFile, keyFile string
}

// NewCertificate makes a certificate whose files are in dir.
func NewCertificate(dir string) (*Certificate, error) {
	c := &Certificate{
		CAFile: filepath.Join(dir, "ca.pem"), certFile: filepath.Join(dir, "server.pem"), keyFile: filepath.Join(dir, "server.key"),
	}
	return c, c.write()
}

func (c *Certificate) pair(t T) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	must(t, err)
	return pair
}

// TLS is a server that speaks TLS only and knows no default user.
type TLS struct{ *Server }

// StartTLS starts such a server, with one user to whom the rules give its
// rights, as in ACL SETUSER: "~mlc:*", "+get". See Start about a machine without
// Redis.
func StartTLS(t T, c *Certificate, rules ...string) *TLS {
	t.Helper()
	needRedis(t)
	users := filepath.Join(t.TempDir(), "users")
	must(t, os.WriteFile(users, []byte(strings.Join([]string{
		"user default off",
		"user " + adminUser + " on >" + adminPassword + " ~* &* +@all",
		"user " + aclUser + " on >" + aclPassword + " " + strings.Join(rules, " "),
	}, "\n")+"\n"), 0o600))
	s := Start(t, func(s *Server) {
		s.cli = append(s.cli, "--tls", "--cacert", c.CAFile, "--user", adminUser, "--pass", adminPassword, "--no-auth-warning")
		s.args = append(s.args, "--port", "0", "--tls-port", strconv.Itoa(s.port), "--tls-auth-clients", "no",
			"--tls-ca-cert-file", c.CAFile, "--tls-cert-file", c.certFile, "--tls-key-file", c.keyFile,
			"--aclfile", users)
	})
	return &TLS{Server: s}
}

// URL returns the address as a rediss:// URL with the user and the password.
func (s *TLS) URL() string {
	return (&url.URL{Scheme: "rediss", User: url.UserPassword(aclUser, aclPassword), Host: s.Addr()}).String()
}

// write makes the CA and the certificate.
func (c *Certificate) write() error {
	caKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	serverKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	ca, server := template("redistest CA"), template("redistest server")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	caDER, err1 := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	serverDER, err2 := x509.CreateCertificate(rand.Reader, server, ca, serverKey.Public(), caKey)
	keyDER, err3 := x509.MarshalPKCS8PrivateKey(serverKey)
	return errors.Join(err1, err2, err3,
		writePEM(c.CAFile, "CERTIFICATE", caDER), writePEM(c.certFile, "CERTIFICATE", serverDER), writePEM(c.keyFile, "PRIVATE KEY", keyDER))
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
