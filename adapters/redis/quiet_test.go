package redis

import (
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// In a bubble, since the budgets are of real time.
func TestTheBudgetIsOfSilence(t *testing.T) {
	const budget = 50 * time.Millisecond
	for name, c := range map[string]struct {
		bytes int
		each  time.Duration
		want  error
	}{
		"bytes that keep arriving":       {20, budget - time.Millisecond, nil},
		"silence":                        {1, budget + 2*lastLook, os.ErrDeadlineExceeded},
		"bytes that arrive for too long": {2 * maxProgress, budget - time.Millisecond, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				conn := newQuietConn(near)
				var writing sync.WaitGroup
				defer writing.Wait()
				defer func() { _ = conn.Close() }()
				writing.Go(func() {
					defer far.Close()
					for range c.bytes {
						time.Sleep(c.each)
						if _, err := far.Write([]byte("x")); err != nil {
							return
						}
					}
				})
				require.NoError(t, conn.SetReadDeadline(time.Now().Add(budget)))
				_, err := io.ReadFull(conn, make([]byte, c.bytes))
				require.ErrorIs(t, err, c.want)
			})
		})
	}
}
