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

// As go-redis reads: it peeks for a push message, and then for the reply.
func TestSilenceIsWaitedForOnce(t *testing.T) {
	const budget = 50 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		conn := newQuietConn(near)
		defer func() { _ = conn.Close() }()
		for range 2 { // a bound that is set again counts again
			began := time.Now()
			require.NoError(t, conn.SetReadDeadline(began.Add(budget)))
			for range 3 {
				_, err := conn.Read(make([]byte, 1))
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			}
			require.GreaterOrEqual(t, time.Since(began), budget)
			require.LessOrEqual(t, time.Since(began), budget+3*lastLook)
		}
	})
}

// As for a process that was stopped: when it goes on, the time is over, and what has
// arrived meanwhile is there.
func TestWhatHasArrivedInTimeCountsHoweverLateItIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 { // of two things that are there, select takes any
			near, far := net.Pipe()
			conn := newQuietConn(near)
			_, err := far.Write([]byte("x"))
			require.NoError(t, err)
			synctest.Wait()
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Second)))
			time.Sleep(time.Hour)
			_, err = conn.Read(make([]byte, 1))
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			require.NoError(t, far.Close())
		}
	})
}
