package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	aclUser, aclPassword     = "mlcache", "s3cret/+"
	adminUser, adminPassword = "admin", "admin"
)

// TLS is a server that speaks TLS only, with a certificate of its own CA, and
// knows no default user.
type TLS struct {
	*Server
	// CAFile holds the CA's certificate. Go programs on Unix trust it when the
	// environment variable SSL_CERT_FILE names it before the first connection.
	CAFile string
}

// StartTLS starts such a server, with one user to whom the rules give its
// rights, as in ACL SETUSER: "~mlc:*", "+get". See Start about a machine without
// Redis.
func StartTLS(t testing.TB, rules ...string) *TLS {
	t.Helper()
	needRedis(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	certify(t, path)
	require.NoError(t, os.WriteFile(path("users"), []byte(strings.Join([]string{
		"user default off",
		"user " + adminUser + " on >" + adminPassword + " ~* &* +@all",
		"user " + aclUser + " on >" + aclPassword + " " + strings.Join(rules, " "),
	}, "\n")+"\n"), 0o600))
	s := Start(t, func(s *Server) {
		s.cli = append(s.cli, "--tls", "--cacert", path("ca.pem"), "--user", adminUser, "--pass", adminPassword, "--no-auth-warning")
		s.args = append(s.args, "--port", "0", "--tls-port", strconv.Itoa(s.port), "--tls-auth-clients", "no",
			"--tls-ca-cert-file", path("ca.pem"), "--tls-cert-file", path("server.pem"), "--tls-key-file", path("server.key"),
			"--aclfile", path("users"))
	})
	return &TLS{Server: s, CAFile: path("ca.pem")}
}

// URL returns the address as a rediss:// URL with the user and the password.
func (s *TLS) URL() string {
	return (&url.URL{Scheme: "rediss", User: url.UserPassword(aclUser, aclPassword), Host: s.Addr()}).String()
}

// certify makes a CA and a certificate of it for 127.0.0.1.
func certify(t testing.TB, path func(name string) string) {
	t.Helper()
	ca, server := template("redistest CA"), template("redistest server")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	caKey, serverKey := newKey(t), newKey(t)
	sign := func(name string, c *x509.Certificate, of *ecdsa.PrivateKey) {
		der, err := x509.CreateCertificate(rand.Reader, c, ca, of.Public(), caKey)
		require.NoError(t, err)
		writePEM(t, path(name), "CERTIFICATE", der)
	}
	sign("ca.pem", ca, caKey)
	sign("server.pem", server, serverKey)
	der, err := x509.MarshalPKCS8PrivateKey(serverKey)
	require.NoError(t, err)
	writePEM(t, path("server.key"), "PRIVATE KEY", der)
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
