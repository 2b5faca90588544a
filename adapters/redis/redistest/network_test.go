package redistest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMessagesOfTheProtocolAreReadWhole(t *testing.T) {
	messages := []string{
		"+OK\r\n", "-ERR no\r\n", ":42\r\n", "$5\r\nab\r\nc\r\n", "$-1\r\n", "$0\r\n\r\n", "*-1\r\n", "*0\r\n", "_\r\n", "#t\r\n", ",1.5\r\n",
		"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "*2\r\n*1\r\n:1\r\n$2\r\nxy\r\n", "%1\r\n+a\r\n:1\r\n", ">2\r\n+message\r\n+x\r\n", "|1\r\n+a\r\n:1\r\n:7\r\n",
		"=6\r\ntxt:ab\r\n", "~2\r\n:1\r\n:2\r\n",
	}
	r := bufio.NewReader(strings.NewReader(strings.Join(messages, "")))
	for _, want := range messages {
		got, err := readMessage(r)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	_, err := readMessage(r)
	require.ErrorIs(t, err, io.EOF)
	for _, cut := range []string{"$5\r\nab", "*2\r\n:1\r\n", "+O", "?", "$x\r\n"} {
		_, err := readMessage(bufio.NewReader(strings.NewReader(cut)))
		require.Error(t, err, cut)
	}
}

// startEcho starts a server that answers each request by itself.
func startEcho(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	return l.Addr().String()
}

func dialProxy(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestEachMessageTakesAtLeastItsRoundTripAndStaysInOrder(t *testing.T) {
	p := StartProxy(t, startEcho(t))
	p.Become(Network{RTT: 40 * time.Millisecond, Jitter: 0.2, Seed: 1})
	conn := dialProxy(t, p)
	began := time.Now()
	_, err := io.WriteString(conn, "+1\r\n+2\r\n+3\r\n")
	require.NoError(t, err)
	got := make([]byte, 12)
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, "+1\r\n+2\r\n+3\r\n", string(got))
	require.GreaterOrEqual(t, time.Since(began), 32*time.Millisecond)
}

func TestTheDelayIsHalfARoundTripWithinItsJitterAndTheSameForTheSameSeed(t *testing.T) {
	n := Network{RTT: 20 * time.Millisecond, Jitter: 0.2, Seed: 7}
	var a, b weather
	a.become(n)
	b.become(n)
	for range 1000 {
		d := a.delay()
		require.Equal(t, d, b.delay())
		require.GreaterOrEqual(t, d, 8*time.Millisecond)
		require.LessOrEqual(t, d, 12*time.Millisecond)
	}
	a.become(Network{})
	require.Zero(t, a.delay())
}

func TestTheBandwidthBoundsWhatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Proxy{done: make(chan struct{}), open: make(chan struct{})}
		close(p.open)
		p.Become(Network{Bandwidth: 1 << 20})
		client, server := net.Pipe()
		l := newLink(p, client, server)
		var got bytes.Buffer
		go func() { _, _ = io.Copy(&got, client) }()
		began := time.Now()
		require.True(t, l.write(server, make([]byte, 1<<20)))
		require.InDelta(t, time.Second, time.Since(began), float64(20*time.Millisecond))
		l.end()
	})
}

func TestAccidentsHappenOnceToWhatTheyAreFor(t *testing.T) {
	ask := func(conn net.Conn, what string) (string, error) {
		if _, err := io.WriteString(conn, what); err != nil {
			return "", err
		}
		got := make([]byte, len(what))
		_, err := io.ReadFull(conn, got)
		return string(got), err
	}
	for name, arrange := range map[string]func(*Proxy) *Accident{
		"request lost": func(p *Proxy) *Accident { return p.LoseRequest("unlucky") },
		"reply lost":   func(p *Proxy) *Accident { return p.LoseReply("unlucky") },
	} {
		t.Run(name, func(t *testing.T) {
			p := StartProxy(t, startEcho(t))
			happened := arrange(p)
			conn := dialProxy(t, p)
			got, err := ask(conn, "+lucky\r\n")
			require.NoError(t, err)
			require.Equal(t, "+lucky\r\n", got)
			_, err = ask(conn, "+unlucky\r\n")
			require.Error(t, err)
			<-happened.Begun
			got, err = ask(dialProxy(t, p), "+unlucky\r\n")
			require.NoError(t, err)
			require.Equal(t, "+unlucky\r\n", got)
		})
	}
}

func TestAReplyThatIsHeldUpDelaysWhatFollows(t *testing.T) {
	p := StartProxy(t, startEcho(t))
	happened := p.HoldReply("slow")
	conn := dialProxy(t, p)
	_, err := io.WriteString(conn, "+slow\r\n+next\r\n")
	require.NoError(t, err)
	<-happened.Begun
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout")
	require.NoError(t, conn.SetReadDeadline(time.Time{}))
	happened.Deliver()
	got := make([]byte, 14)
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, "+slow\r\n+next\r\n", string(got))
	<-happened.Over
}

func TestAFrozenConnectionStaysOpenAndSilent(t *testing.T) {
	p := StartProxy(t, startEcho(t))
	happened := p.FreezeReply("ice")
	conn := dialProxy(t, p)
	_, err := io.WriteString(conn, "+ice\r\n")
	require.NoError(t, err)
	<-happened.Begun
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout")
}

func TestTheLatenessIsThatOfMessagesOfSubscriptionsInTheTime(t *testing.T) {
	p := StartProxy(t, startEcho(t))
	held := p.HoldMessage("late")
	conn := dialProxy(t, p)
	began := time.Now()
	_, err := io.WriteString(conn, ">1\r\n+late\r\n")
	require.NoError(t, err)
	<-held.Begun
	due := time.Now() // or a moment before
	time.Sleep(30 * time.Millisecond)
	held.Deliver()
	<-held.Over
	require.GreaterOrEqual(t, p.Late(began, due), 30*time.Millisecond)
	require.Zero(t, p.Late(began.Add(-time.Minute), began.Add(-time.Second)))
	require.Equal(t, 60*time.Millisecond, Network{RTT: 100 * time.Millisecond, Jitter: 0.2}.OneWay())
}

func TestARequestThatIsStrandedOutlivesItsConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	p := StartProxy(t, l.Addr().String())
	stranded := p.StrandRequest("sent")
	conn := dialProxy(t, p)
	server, err := l.Accept()
	require.NoError(t, err)
	defer server.Close()
	_, err = io.WriteString(conn, "+sent\r\n")
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	<-stranded.Begun
	stranded.Deliver()
	got := make([]byte, 7)
	_, err = io.ReadFull(server, got)
	require.NoError(t, err)
	require.Equal(t, "+sent\r\n", string(got))
}
