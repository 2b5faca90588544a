package httpsource

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// hang answers nothing, or half a body, until the client has left.
func hang(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "half") {
		fmt.Fprint(w, "half a bo")
		w.(http.Flusher).Flush()
	}
	<-r.Context().Done()
}

func TestALoadEndsWithTheTimeoutOfTheSource(t *testing.T) {
	srv := serve(t, hang)
	for _, name := range []string{"nothing", "half"} {
		s := newSource(t, srv.URL+"/{key}", func(o *Options) { o.Timeout = 20 * time.Millisecond })
		_, err := s.Load(t.Context(), key(t, name), domain.Validator{})
		require.ErrorIs(t, err, domain.ErrTimeout)
		require.NotErrorIs(t, err, domain.ErrSourceFailed)
	}
}

func TestALoadEndsWithTheDeadlineOfItsContext(t *testing.T) {
	s := newSource(t, serve(t, hang).URL+"/{key}")
	for _, name := range []string{"nothing", "half"} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := s.Load(ctx, key(t, name), domain.Validator{})
		require.ErrorIs(t, err, domain.ErrTimeout)
	}
}

func TestACancelledLoadEndsWithTheCauseAndTheBackendIsTold(t *testing.T) {
	began, left := make(chan struct{}), make(chan struct{})
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(left)
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("nobody waits any more")
	go func() { <-began; cancel(cause) }()
	_, err := newSource(t, srv.URL+"/{key}").Load(ctx, key(t, "k"), domain.Validator{})
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, domain.ErrSourceFailed)
	require.NotErrorIs(t, err, domain.ErrTimeout)
	<-left
}

func TestAStatusIsKnownAlthoughItsBodyHangs(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	s := newSource(t, srv.URL+"/{key}", func(o *Options) { o.Timeout = time.Hour })
	ctx, giveUp := context.WithCancel(t.Context())
	s.client.Transport = afterHeader{s.client.Transport, giveUp}
	_, err := s.Load(ctx, key(t, "k"), domain.Validator{})
	require.ErrorIs(t, err, domain.ErrSourceFailed)
}

// afterHeader calls then when the header of an answer is there.
type afterHeader struct {
	http.RoundTripper
	then func()
}

func (a afterHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	defer a.then()
	return a.RoundTripper.RoundTrip(r)
}

// counting starts a server and counts the connections that are made to it.
func counting(t *testing.T, h http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv, &conns
}

func TestOneConnectionServesAllAnswersThatWereReadToTheEnd(t *testing.T) {
	srv, conns := counting(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/failed":
			w.WriteHeader(http.StatusBadGateway)
		case "/moved":
			http.Redirect(w, r, "/found", http.StatusFound)
			return
		}
		fmt.Fprint(w, strings.Repeat("x", 20_000))
	})
	s := newSource(t, srv.URL+"/{key}")
	for _, name := range []string{"found", "missing", "failed", "moved", "found"} {
		_, _ = s.Load(t.Context(), key(t, name), domain.Validator{})
	}
	assert.EqualValues(t, 1, conns.Load())
}

func TestThereAreNeverMoreConnectionsThanAllowed(t *testing.T) {
	srv, conns := counting(t, func(w http.ResponseWriter, r *http.Request) {})
	s := newSource(t, srv.URL+"/{key}", func(o *Options) { o.MaxConns = 2 })
	var loads sync.WaitGroup
	for range 50 {
		loads.Go(func() {
			_, err := s.Load(t.Context(), key(t, "k"), domain.Validator{})
			assert.NoError(t, err)
		})
	}
	loads.Wait()
	assert.LessOrEqual(t, conns.Load(), int32(2))
}

func TestThreeRedirectsAreFollowedAndNoMore(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n := len(r.URL.Path) - 1; n > 0 {
			http.Redirect(w, r, "/"+strings.Repeat("x", n-1), http.StatusFound)
		}
	})
	s := newSource(t, srv.URL+"/{key}")
	_, err := s.Load(t.Context(), key(t, "xxx"), domain.Validator{})
	require.NoError(t, err)
	_, err = s.Load(t.Context(), key(t, "xxxx"), domain.Validator{})
	require.ErrorIs(t, err, domain.ErrSourceFailed)
}

func TestARedirectStaysInTheFolderOfTheKeyOnItsHost(t *testing.T) {
	for target, rows := range map[string]map[string]bool{
		"https://Host.example/v1/data/{key}/tail": {
			"https://host.example/v1/data/x":         true,
			"https://host.example:443/v1/data/a/b?c": true,
			"https://HOST.example/v1/data/%2e%2e/x":  false,
			"https://host.example/v1/data/..;/x":     false,
			"https://host.example/v1/data/..%5Cx":    false,
			"https://host.example/v1/database":       false,
			"https://host.example/v1/data":           false,
			"https://host.example/admin":             false,
			"https://host.example:8443/v1/data/x":    false,
			"https://other.example/v1/data/x":        false,
			"http://host.example/v1/data/x":          false,
			"http://host.example:443/v1/data/x":      false,
		},
		"http://h:80/v1/x{key}": {
			"http://h/v1/y":      true,
			"https://h/v1/y":     true,
			"https://h:443/v1/y": true,
			"https://h:80/v1/y":  true, // the port is the same
			"http://h:81/v1/y":   false,
			"http://h/v2/y":      false,
		},
		"http://[::1]:8080/v1/find?k={key}": {
			"http://[::1]:8080/v1/find/?k=x": true,
			"http://[::1]:8080/v1/other":     true,
			"http://[::1]:8080/other":        false,
		},
		"http://h?k={key}": {"http://h/any/thing": true},
	} {
		s := newSource(t, target)
		from, err := s.request(t.Context(), key(t, "k"), domain.Validator{})
		require.NoError(t, err)
		for location, allowed := range rows {
			to := httptest.NewRequest(http.MethodGet, location, nil)
			to.URL, err = from.URL.Parse(location)
			require.NoError(t, err)
			assert.Equal(t, allowed, s.checkRedirect(to, []*http.Request{from}) == nil, location)
		}
	}
}

func TestARedirectThatIsNotFollowedIsAFailureWithItsStatus(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") })
	_, err := load(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusFound)
	})
	require.ErrorIs(t, err, domain.ErrSourceFailed)
	require.Equal(t, http.StatusFound, domain.SourceStatus(err))
}

func TestEachRedirectThatIsFollowedIsReported(t *testing.T) {
	var asked, followed atomic.Int32
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if n := len(r.URL.Path) - 1; n > 0 {
			http.Redirect(w, r, "/"+strings.Repeat("x", n-1), http.StatusTemporaryRedirect)
		}
	})
	s := newSource(t, srv.URL+"/{key}", func(o *Options) { o.Redirected = func() { followed.Add(1) } })
	for _, name := range []string{"xxx", "xxxx", "x"} {
		_, _ = s.Load(t.Context(), key(t, name), domain.Validator{})
	}
	assert.Equal(t, asked.Load(), followed.Load()+3)
}

func TestCredentialsReachTheBackendAndNoError(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		assert.Equal(t, "usersecret passsecret", user+" "+password)
		switch r.URL.Path {
		case "/hang":
			<-r.Context().Done()
		case "/loop":
			http.Redirect(w, r, r.RequestURI, http.StatusFound)
		default:
			panic(http.ErrAbortHandler)
		}
	}))
	defer srv.Close()
	target := strings.Replace(srv.URL, "http://", "http://usersecret:passsecret@", 1) + "/{key}?token=querysecret"
	s := newSource(t, target, func(o *Options) { o.Timeout = 100 * time.Millisecond })
	check := func(name string) {
		_, err := s.Load(t.Context(), key(t, name), domain.Validator{})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
	}
	assert.NotContains(t, s.target.path, "secret", "net/http puts the URL into its errors")
	check("hang")
	check("loop")
	check("abort")
	srv.Close()
	check("refused")
}

func TestHTTP2IsSpokenWhereTheBackendDoes(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	s := newSource(t, srv.URL+"/{key}")
	s.conns.transport.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	for range 2 {
		v, err := s.Load(t.Context(), key(t, "k"), domain.Validator{})
		require.NoError(t, err)
		assert.Equal(t, "HTTP/2.0", v.Body)
	}
}
