package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// reason puts fault into words that any client may read. Errors of the network name
// hosts, and replies of a server may name users and quote arguments, so of a reply
// there is only its code, such as READONLY; the log has all of it.
func reason(fault error) string {
	if fault == nil {
		return ""
	}
	for _, known := range []error{errConnecting, errClosed, errNoReply, errOtherRunID, errNoRunID, errIsCluster} {
		if errors.Is(fault, known) {
			return strings.TrimPrefix(known.Error(), "redis: ")
		}
	}
	var reply redis.Error
	if errors.As(fault, &reply) {
		return refusalOf(reply.Error())
	}
	return networkReason(fault)
}

// refusalOf names the code of a reply, which is its first word and in capitals.
func refusalOf(reply string) string {
	code, _, _ := strings.Cut(reply, " ")
	if code == "" || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "the server answers with an error"
	}
	return "the server answers " + code
}

func networkReason(fault error) string {
	var (
		name      *net.DNSError
		handshake *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		timeout   net.Error
	)
	switch {
	case errors.As(fault, &name):
		return "the name of the server cannot be resolved"
	case errors.As(fault, &handshake), errors.As(fault, &record), errors.As(fault, &authority):
		return "the TLS handshake fails"
	case errors.Is(fault, syscall.ECONNREFUSED):
		return "the connection is refused"
	case errors.Is(fault, os.ErrDeadlineExceeded), errors.As(fault, &timeout) && timeout.Timeout():
		return "no reply in time"
	default:
		return "the connection cannot be established or breaks off"
	}
}
