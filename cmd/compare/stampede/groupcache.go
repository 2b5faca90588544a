package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/golang/groupcache"
)

// groupCache is groupcache with an HTTP pool of the three processes.
type groupCache struct{ *groupcache.Group }

func newGroupcache(s setup, call load, mux *http.ServeMux) (loader, error) {
	pool := groupcache.NewHTTPPoolOpts("http://"+s.Addr, nil)
	urls := make([]string, len(s.Peers))
	for i, addr := range s.Peers {
		urls[i] = "http://" + addr
	}
	pool.Set(urls...)
	mux.Handle("/_groupcache/", pool)
	return groupCache{groupcache.NewGroup("stampede", 64<<20, groupcache.GetterFunc(
		func(ctx context.Context, key string, dest groupcache.Sink) error {
			v, err := call(ctx, key)
			if err != nil {
				return err
			}
			return dest.SetString(v)
		}))}, nil
}

func (g groupCache) Get(ctx context.Context, key string) (value string, err error) {
	err = g.Group.Get(ctx, key, groupcache.StringSink(&value))
	return value, err
}

// Delete fails: what a key stands for is meant never to change.
func (g groupCache) Delete(context.Context, string) error {
	return errors.New("groupcache has no delete")
}

func (g groupCache) Close() {}
