package httpapi_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// pair makes a certificate and its key, in files.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	_, err := redistest.NewCertificate(dir)
	require.NoError(t, err)
	return filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
}

// become copies a file.
func become(t *testing.T, file, other string) {
	t.Helper()
	text, err := os.ReadFile(other)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
}

// shown returns the serial number of the certificate that a client sees.
func shown(t *testing.T, config *tls.Config) string {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		server := tls.Server(there, config)
		_ = server.Handshake()
		_, _ = io.Copy(io.Discard, server)
		_ = there.Close()
	}()
	client := tls.Client(here, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, client.Handshake())
	return client.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestACertificateIsReadAgainWhenItsFilesChange(t *testing.T) {
	cert, key := pair(t)
	otherCert, otherKey := pair(t)
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c, err := httpapi.NewCertificate(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err)
		first := shown(t, c.Config())
		later := func() string {
			time.Sleep(time.Second)
			return shown(t, c.Config())
		}
		require.Equal(t, first, later())
		require.Empty(t, log.String())

		become(t, cert, otherCert) // which does not fit the key
		for range 3 {
			require.Equal(t, first, later())
		}
		require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
		require.Contains(t, log.String(), "level=ERROR")

		become(t, key, otherKey)
		second := later()
		require.NotEqual(t, first, second)
		require.Equal(t, 2, strings.Count(log.String(), "\n"), log.String())

		require.NoError(t, os.Remove(key))
		for range 3 {
			require.Equal(t, second, later())
		}
		require.Equal(t, 3, strings.Count(log.String(), "\n"), log.String())

		become(t, key, otherKey)
		require.Equal(t, second, later())
		require.Equal(t, 4, strings.Count(log.String(), "\n"), log.String())
	})
}

func TestACertificateIsRequiredToFitItsKey(t *testing.T) {
	cert, key := pair(t)
	_, otherKey := pair(t)
	for _, files := range [][2]string{{cert, otherKey}, {key, cert}, {cert, cert + "x"}, {cert + "x", key}} {
		_, err := httpapi.NewCertificate(files[0], files[1], slog.New(slog.DiscardHandler))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "\n")
	}
}
