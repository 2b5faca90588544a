package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestTheReasonShowsNeitherHostsNorUsersNorArguments(t *testing.T) {
	reply := func(text string) error { return fmt.Errorf("redis: %w", replyError(text)) }
	dial := func(err error) error {
		return fmt.Errorf("redis: %w", &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 6379}, Err: err})
	}
	for want, faults := range map[string][]error{
		"":                                          {nil},
		"not connected yet":                         {errConnecting},
		"no reply in time":                          {fmt.Errorf("redis: %w", errNoReply), dial(os.ErrDeadlineExceeded), context.DeadlineExceeded},
		errOtherRunID.Error():                       {fmt.Errorf("redis: %w", errOtherRunID)},
		errIsCluster.Error():                        {fmt.Errorf("redis: %w", errIsCluster)},
		"the server answers OOM":                    {reply("OOM command not allowed when used memory > 'maxmemory'.")},
		"the server answers ERR":                    {reply("ERR unknown command 'x', with args beginning with: 'secret'")},
		"the server answers NOPERM":                 {reply("NOPERM User alice has no permissions to run the 'info' command")},
		"the server answers with an error":          {reply("secret: no code"), reply("")},
		"the name of the server cannot be resolved": {dial(&net.DNSError{Err: "no such host", Name: "secret.example"})},
		"the connection is refused":                 {dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))},
		"the TLS handshake fails":                   {dial(&tls.CertificateVerificationError{Err: errors.New("secret.example")})},
		"the connection cannot be established or breaks off": {dial(syscall.EHOSTUNREACH)},
	} {
		for _, fault := range faults {
			require.Equal(t, want, reason(fault), fault)
		}
	}
}

// replyError is an error as a server answers it.
type replyError string

var _ redis.Error = replyError("")

func (e replyError) Error() string { return string(e) }
func (replyError) RedisError()     {}
