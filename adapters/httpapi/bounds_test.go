package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestAStreamEndsAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		listen(t.Context(), (&parts{}).api())
		require.Equal(t, time.Minute, time.Since(began))
	})
}

func TestTheRequestLineCountsIntoTheHeader(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	require.Equal(t, 200, do(t, p.api(), "GET", "/data/k?"+long('q', 15<<10)).Code)
	requireProblem(t, do(t, p.api(), "GET", "/data/k?"+long('q', 16<<10)), 431, "header-too-large")
}

func TestTheValuesOfABatchHaveABound(t *testing.T) {
	p := &parts{}
	for range 20 {
		p.results = append(p.results, result(long('v', 1<<20), "text/plain", domain.L1Hit))
	}
	keys, err := json.Marshal(map[string][]string{"keys": strings.Split(long('k', 20), "")})
	require.NoError(t, err)
	var got httpapi.Batched
	require.NoError(t, json.Unmarshal(p.batch(t, "application/json", string(keys)).Body.Bytes(), &got))
	for i, a := range got.Answers {
		if i < 16 {
			require.Equal(t, 200, a.Status, i)
			continue
		}
		require.Equal(t, 413, a.Status, i)
		require.Equal(t, "urn:mlcache:answer-too-large", a.Problem.Type)
	}
}

// blocked is a client that does not read.
type blocked struct {
	*httptest.ResponseRecorder
	begun chan struct{}
	read  chan struct{}
}

func (b blocked) Write(p []byte) (int, error) {
	b.begun <- struct{}{}
	<-b.read
	return len(p), nil
}

// Answers under way share a budget. Who reads the same value costs nothing more, and
// small values are always answered.
func TestTheValuesOfAnswersUnderWayHaveABound(t *testing.T) {
	p := &parts{}
	api := p.api()
	begun, read, done := make(chan struct{}), make(chan struct{}), make(chan struct{}, 100)
	ask := func(c domain.Copy) {
		p.answer = domain.Answer{Copy: c, Outcome: domain.L1Hit}
		go func() {
			api.ServeHTTP(blocked{httptest.NewRecorder(), begun, read}, httptest.NewRequestWithContext(context.Background(), "GET", "/data/k", http.NoBody))
			done <- struct{}{}
		}()
		<-begun
	}
	last := domain.Copy{}
	for i := range 47 { // of 48 MiB
		last = copyOf(fmt.Sprint(i)+long('v', 1<<20), time.Second)
		ask(last)
	}
	p.answer.Copy = copyOf("another"+long('v', 1<<20), time.Second)
	w := do(t, api, "GET", "/data/k")
	requireProblem(t, w, 503, "overloaded")
	require.Empty(t, w.Header().Get("ETag"))
	p.answer.Copy = last
	require.Equal(t, 200, do(t, api, "GET", "/data/k").Code, "it is held already")
	p.answer.Copy = copyOf("small", time.Second)
	require.Equal(t, 200, do(t, api, "GET", "/data/k").Code)
	close(read)
	for range 47 {
		<-done
	}
	p.answer.Copy = copyOf("another"+long('v', 1<<20), time.Second)
	require.Equal(t, 200, do(t, api, "GET", "/data/k").Code, "all was given back")
}

// What a batch may take leaves room for other answers.
func TestBatchesThatDoNotFitAnswer503ForEachKey(t *testing.T) {
	p := &parts{}
	api := p.api()
	begun, read, done := make(chan struct{}), make(chan struct{}), make(chan struct{}, 100)
	send := func(w http.ResponseWriter, prefix string) {
		p.results = nil
		for i := range 16 {
			p.results = append(p.results, result(fmt.Sprint(prefix, i)+long('v', 1<<20-50), "text/plain", domain.L1Hit))
		}
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/batch", strings.NewReader(`{"keys":["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p"]}`))
		r.Header.Set("Content-Type", "application/json")
		api.ServeHTTP(w, r)
	}
	for i := range 2 {
		go func() {
			send(blocked{httptest.NewRecorder(), begun, read}, fmt.Sprint("batch ", i))
			done <- struct{}{}
		}()
		<-begun
	}
	w := httptest.NewRecorder()
	send(w, "one more")
	var got httpapi.Batched
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, 503, got.Answers[15].Status)
	p.answer.Copy = copyOf(long('v', 1<<20), time.Second)
	require.Equal(t, 200, do(t, api, "GET", "/data/k").Code, "one value still is answered")
	go func() {
		for range begun {
		}
	}()
	close(read)
	<-done
	<-done
	close(begun)
	w = httptest.NewRecorder()
	send(w, "later")
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, 200, got.Answers[15].Status)
}

func TestAListenerThatIsClosedClosesWhatItRefused(t *testing.T) {
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := httpapi.Listen(plain, httpapi.ListenerOptions{MaxConnections: 1, WriteTimeout: time.Minute, Logger: (&parts{}).parts().Logger})
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		require.NoError(t, err)
		return c
	}
	first, second := dial(), dial()
	defer first.Close()
	defer second.Close()
	kept := <-accepted
	answer := make([]byte, 12)
	_, err = second.Read(answer)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 503", string(answer))
	require.NoError(t, kept.Close())
	require.Error(t, kept.Close(), "it counts once")
	third := dial()
	defer third.Close()
	require.NoError(t, (<-accepted).Close())
	require.NoError(t, l.Close())
	_, open := <-accepted
	require.False(t, open)
}
