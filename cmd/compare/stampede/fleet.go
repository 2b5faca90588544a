package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// instances is how many processes share the loads.
const instances = 3

// fleet is a Redis, the processes with a loader, and the source that they call.
type fleet struct {
	config
	source *source
	site   *httptest.Server
	redis  *process.Process
	nodes  []*node
	client *http.Client
}

// node is one process.
type node struct {
	*process.Process
	setup setup
	link  *link
}

// newFleet starts all, and returns when each process answers.
func (b *bench) newFleet(ctx context.Context, r rival) (f *fleet, err error) {
	f = &fleet{config: b.config, source: newSource(b.latency), client: &http.Client{Transport: &http.Transport{}}}
	f.site = httptest.NewServer(f.source)
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	redisAddr, err := process.FreeAddr(ctx)
	if err != nil {
		return nil, err
	}
	if f.redis, err = process.StartRedis(ctx, []string{b.redis}, redisAddr, b.dir); err != nil {
		return nil, fmt.Errorf("redis-server: %w", err)
	}
	peers := make([]string, instances)
	for i := range peers {
		if peers[i], err = process.FreeAddr(ctx); err != nil {
			return nil, err
		}
	}
	for i, addr := range peers {
		n := &node{setup: setup{Rival: r.name, Name: strconv.Itoa(i), Addr: addr, Peers: peers, URL: f.site.URL, TTL: b.ttl, RedisTimeout: b.redisTimeout}}
		if n.link, err = newLink(ctx, redisAddr); err != nil {
			return nil, err
		}
		n.setup.Redis = n.link.addr()
		f.nodes = append(f.nodes, n)
		if err := f.start(ctx, n); err != nil {
			return nil, err
		}
	}
	return f, f.ready(ctx)
}

func (f *fleet) start(ctx context.Context, n *node) error {
	order, err := json.Marshal(n.setup)
	if err != nil {
		return err
	}
	argv, err := process.Self(childFlag, string(order))
	if err != nil {
		return err
	}
	n.Process, err = process.Command{Argv: argv}.Start(ctx)
	return err
}

// ready returns when each process has loaded a key of its own.
func (f *fleet) ready(ctx context.Context) error {
	for _, n := range f.nodes {
		if err := f.fill(ctx, n, "ready-"+n.setup.Name); err != nil {
			return err
		}
	}
	return nil
}

func (f *fleet) close() {
	for _, n := range f.nodes {
		if n.Process != nil {
			n.Kill()
		}
		n.link.close()
	}
	if f.redis != nil {
		f.redis.Kill()
	}
	f.client.CloseIdleConnections()
	f.site.CloseClientConnections()
	f.site.Close()
}

// ask has a process do something, and reads what it answers into found.
func (f *fleet) ask(ctx context.Context, n *node, what string, q url.Values, found any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.setup.Addr+"/"+what+"?"+q.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s: %s", what, resp.Status, text)
	}
	return json.NewDecoder(resp.Body).Decode(found)
}

// The names of what processes are told.
const (
	paramKey   = "key"
	paramCount = "n"
	paramOld   = "old"
	paramLimit = "limit"
)

// burst has n callers on one process get a key.
func (f *fleet) burst(ctx context.Context, at *node, key string, n int) (answers []answer, err error) {
	err = f.ask(ctx, at, "burst", url.Values{paramKey: {key}, paramCount: {strconv.Itoa(n)}}, &answers)
	return answers, err
}

// fill has one caller on one process get a key until that succeeds.
func (f *fleet) fill(ctx context.Context, at *node, key string) error {
	err := at.Within(ctx, func(ctx context.Context) error {
		answers, err := f.burst(ctx, at, key, 1)
		if err == nil && answers[0].Err != "" {
			err = errors.New(answers[0].Err)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("get %s on process %s: %w", key, at.setup.Name, err)
	}
	return nil
}

// burstOn has n callers on each of some processes get a key.
func (f *fleet) burstOn(ctx context.Context, nodes []*node, key string, n int) ([]answer, error) {
	all, errs := make([][]answer, len(nodes)), make([]error, len(nodes))
	var asking sync.WaitGroup
	for i, at := range nodes {
		asking.Go(func() { all[i], errs[i] = f.burst(ctx, at, key, n) })
	}
	asking.Wait()
	var answers []answer
	for _, some := range all {
		answers = append(answers, some...)
	}
	return answers, errors.Join(errs...)
}

func (f *fleet) delete(ctx context.Context, at *node, key string) error {
	var said string
	return f.ask(ctx, at, "delete", url.Values{paramKey: {key}}, &said)
}

func (f *fleet) watch(ctx context.Context, at *node, key, old string, limit time.Duration) (s seen, err error) {
	err = f.ask(ctx, at, "watch", url.Values{paramKey: {key}, paramOld: {old}, paramLimit: {limit.String()}}, &s)
	return s, err
}
