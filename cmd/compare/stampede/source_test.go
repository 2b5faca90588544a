package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheSourceCountsItsCallsAndAnswersWithWhatWasThereWhenTheyBegan(t *testing.T) {
	s := newSource(20 * time.Millisecond)
	site := httptest.NewServer(s)
	defer site.Close()
	asker := setup{URL: site.URL, Name: "2"}
	defer http.DefaultClient.CloseIdleConnections()

	values := make(chan string, 1)
	go func() {
		v, err := asker.callSource(t.Context(), "a b")
		assert.NoError(t, err)
		values <- v
	}()
	first, err := s.called(t.Context(), "a b")
	require.NoError(t, err)
	assert.Equal(t, "2", first.instance)
	s.change("a b")
	assert.Equal(t, "a b@1", <-values)
	assert.False(t, s.loaded("a b").IsZero())

	again, err := asker.callSource(t.Context(), "a b")
	require.NoError(t, err)
	assert.Equal(t, "a b@2", again)
	assert.Len(t, s.calls("a b"), 2)

	_, err = asker.callSource(t.Context(), failing+"1")
	assert.EqualError(t, err, "the source says 503 Service Unavailable")
	assert.Len(t, s.calls(failing+"1"), 1)
}

func TestALinkCarriesUntilItIsCutAndAgainWhenItIsMended(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	l, err := newLink(t.Context(), echo.Addr().String())
	require.NoError(t, err)
	defer l.close()
	dial := func() (net.Conn, error) {
		c, err := net.Dial("tcp", l.addr())
		require.NoError(t, err)
		_, _ = c.Write([]byte("x")) // what comes of it is read
		_, err = io.ReadFull(c, make([]byte, 1))
		return c, err
	}
	c, err := dial()
	require.NoError(t, err)
	defer c.Close()

	l.cut()
	_, err = c.Read(make([]byte, 1))
	assert.Error(t, err, "what was open is closed")
	refused, err := dial()
	assert.Error(t, err, "and what is new")
	refused.Close()

	l.mend()
	mended, err := dial()
	require.NoError(t, err)
	mended.Close()
}
