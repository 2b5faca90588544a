package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// patience is how long a caller waits for its answer, whatever the loader.
const patience = 10 * time.Second

// setup is what a process is told.
type setup struct {
	Rival        string
	Name         string        // of the process
	Addr         string        // it listens on
	Peers        []string      // addresses of all processes, itself among them
	Redis        string        // the address of its link
	URL          string        // of the source
	TTL          time.Duration // in all layers
	RedisTimeout time.Duration // of a call
}

// load is a call of the source, which all loaders get.
type load func(ctx context.Context, key string) (string, error)

// loader is what is compared.
type loader interface {
	Get(ctx context.Context, key string) (string, error)
	// Delete removes a key as its documentation says, on this process and in what
	// all share.
	Delete(ctx context.Context, key string) error
	Close()
}

// serve is a process with a loader until ctx ends.
func serve(ctx context.Context, order string, all []rival) error {
	var s setup
	if err := json.Unmarshal([]byte(order), &s); err != nil {
		return fmt.Errorf("%s: %w", childFlag, err)
	}
	r, err := find(all, s.Rival)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	l, err := r.new(s, s.callSource, mux)
	if err != nil {
		return err
	}
	defer l.Close()
	i := instance{l}
	mux.HandleFunc("GET /burst", answering(i.burst))
	mux.HandleFunc("GET /delete", answering(i.delete))
	mux.HandleFunc("GET /watch", answering(i.watch))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func find(all []rival, name string) (rival, error) {
	for _, r := range all {
		if r.name == name {
			return r, nil
		}
	}
	return rival{}, fmt.Errorf("there is no loader %q", name)
}

// callSource asks the source over HTTP.
func (s setup) callSource(ctx context.Context, key string) (string, error) {
	url := s.URL + "/" + url.PathEscape(key) + "?instance=" + url.QueryEscape(s.Name)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the source says %s", resp.Status)
	}
	return string(body), err
}

// instance does what the other side asks for, by its loader.
type instance struct{ loader }

// answer is what a caller got, and when.
type answer struct {
	Value string
	Err   string
	Took  time.Duration
	At    time.Time
}

// get is one call with the patience of all callers. Its context is its own: a
// caller that is answered does not end what others wait for.
func (i instance) get(key string) answer {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	v, err := i.Get(ctx, key)
	a := answer{Value: v, Took: time.Since(began), At: time.Now()}
	if err != nil {
		a.Err = err.Error()
	}
	return a
}

// burst has n callers get a key at once.
func (i instance) burst(q url.Values) (any, error) {
	n, err := strconv.Atoi(q.Get(paramCount))
	if err != nil {
		return nil, err
	}
	answers := make([]answer, n)
	var callers sync.WaitGroup
	for at := range answers {
		callers.Go(func() { answers[at] = i.get(q.Get(paramKey)) })
	}
	callers.Wait()
	return answers, nil
}

// delete tries until the key is deleted.
func (i instance) delete(q url.Values) (_ any, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ctx.Err() == nil {
		if err = i.Delete(ctx, q.Get(paramKey)); err == nil {
			return "deleted", nil
		}
	}
	return nil, err
}

// seen is what a watch came to.
type seen struct {
	LastOld time.Time     // when the old value was last got; zero if it never was
	Longest time.Duration // that a call took
	Failed  int           // calls
}

// watch gets a key over and over until it has another value than old, or for as
// long as the limit says.
func (i instance) watch(q url.Values) (any, error) {
	limit, err := time.ParseDuration(q.Get(paramLimit))
	if err != nil {
		return nil, err
	}
	var s seen
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		a := i.get(q.Get(paramKey))
		s.Longest = max(s.Longest, a.Took)
		switch {
		case a.Err != "":
			s.Failed++
		case a.Value != q.Get(paramOld):
			return s, nil
		default:
			s.LastOld = a.At
		}
	}
	return s, nil
}

// answering has a function answer in JSON.
func answering(do func(url.Values) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, err := do(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(found) // the other side sees what is missing
	}
}
