package httpapi

import (
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deadlines counts how often a connection's own deadline is set.
type deadlines struct {
	net.Conn
	set int
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set++
	return d.Conn.SetReadDeadline(t)
}

func pipe() (c *conn, own *deadlines, far net.Conn) {
	near, far := net.Pipe()
	own = &deadlines{Conn: near}
	return &conn{Conn: own}, own, far
}

func TestAReadEndsAtItsDeadlineHoweverThatCame(t *testing.T) {
	for name, set := range map[string]func(c *conn, far net.Conn, end time.Time){
		"set before": func(c *conn, _ net.Conn, end time.Time) { _ = c.SetReadDeadline(end) },
		"after a later one": func(c *conn, far net.Conn, end time.Time) {
			go func() { _, _ = far.Write([]byte("x")) }()
			readFor(c, time.Hour)
			_ = c.SetReadDeadline(end)
		},
		"after an early one": func(c *conn, _ net.Conn, end time.Time) { readFor(c, time.Second); _ = c.SetReadDeadline(end) },
		"during the read": func(c *conn, _ net.Conn, end time.Time) {
			_ = c.SetReadDeadline(time.Time{})
			time.AfterFunc(time.Second, func() { _ = c.SetReadDeadline(end) })
		},
		"put off during the read": func(c *conn, _ net.Conn, end time.Time) {
			_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
			time.AfterFunc(time.Second, func() { _ = c.SetReadDeadline(end) })
		},
		"the connection's own is earlier": func(c *conn, far net.Conn, end time.Time) {
			go func() { _, _ = far.Write([]byte("x")) }()
			readFor(c, 5*time.Second)
			_ = c.SetReadDeadline(end)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, far := pipe()
				defer far.Close()
				defer c.Conn.Close()
				end := time.Now().Add(time.Minute)
				set(c, far, end)
				_, err := c.Read(make([]byte, 1))
				assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
				assert.Equal(t, end, time.Now())
				_, err = c.Read(make([]byte, 1))
				assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "and is over for the next one")
			})
		})
	}
}

// readFor reads a byte, or nothing for as long.
func readFor(c *conn, d time.Duration) {
	_ = c.SetReadDeadline(time.Now().Add(d))
	_, _ = c.Read(make([]byte, 1))
}

func TestADeadlineThatIsTakenBackDoesNotEndReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, far := pipe()
		defer far.Close()
		defer c.Conn.Close()
		readFor(c, time.Second)
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		go func() {
			time.Sleep(time.Hour)
			_, _ = far.Write([]byte("x"))
		}()
		_, err := io.ReadFull(c, make([]byte, 1))
		assert.NoError(t, err)
	})
}

// As net/http does it for a request that comes at once.
func TestDeadlinesThatDoNotMatterAreNotSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, own, far := pipe()
		defer far.Close()
		defer c.Conn.Close()
		go func() {
			for range 1000 {
				_, _ = far.Write([]byte("x"))
			}
		}()
		for range 1000 {
			now := time.Now()
			require.NoError(t, c.SetReadDeadline(now.Add(2*time.Minute)))
			_, err := c.Read(make([]byte, 1))
			require.NoError(t, err)
			for _, t := range []time.Time{{}, now.Add(5 * time.Second), now.Add(15 * time.Second), time.Unix(1, 0)} {
				_ = c.SetReadDeadline(t)
			}
			_, err = c.Read(make([]byte, 1)) // the watch over the request, which has ended before it began
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			_ = c.SetReadDeadline(time.Time{})
			time.Sleep(time.Millisecond)
		}
		assert.Equal(t, 1, own.set)
	})
}
