package main

import (
	"context"
	"fmt"
	"regexp"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// part is a table of its own.
type part int

const (
	partThroughput part = iota
	partSlow            // hits while other keys load
	partQuiet           // a single client
)

// subject is a row: a server and what is done with it.
type subject struct {
	name  string
	part  part
	needs string // the tool without which it is left out
	// command writes what it needs into dir, for a server on addr.
	command func(b *bench, dir, addr string) (process.Command, error)
	keys    []string // that are asked for, by Zipf's law; else hotKey
	detail  string   // that the answers' Cache-Status must have
	traced  bool     // whether traces must come
	// beside goes on during the load until ctx ends; url is the server's.
	beside func(ctx context.Context, url string) error
}

const (
	nameBare        = "bare Gin"
	nameProxy       = "nginx proxy_cache"
	nameVarnish     = "Varnish"
	nameBareGoRedis = "bare Gin, one go-redis GET"
	nameBareRueidis = "bare Gin, one rueidis GET"
	nameL1          = "ours, L1 hit"
	nameL2          = "ours, L2 hit"
	nameL2Keys      = "ours, L2 hit, 50 keys by Zipf's law"
	nameTraced      = "ours, L1 hit, 1% traced"

	nameAlone  = "L1 hits, nothing else"
	nameBeside = "L1 hits while 1,000 other keys load"

	nameQuietGoRedis = "one client: bare Gin, one go-redis GET"
	nameQuietL2      = "one client: ours, L2 hit"
)

// What Cache-Status says of a hit.
const (
	detailL1 = "detail=l1"
	detailL2 = "detail=l2"
)

func subjects() []subject {
	return []subject{
		{name: "nginx return 200", needs: toolNginx, command: (*bench).nginxReturn},
		{name: nameProxy, needs: toolNginx, command: (*bench).nginxProxy},
		{name: nameVarnish, needs: toolVarnish, command: (*bench).varnish},
		{name: nameBare, command: bare(bareConstant)},
		{name: nameBareGoRedis, needs: toolRedis, command: bare(bareGoRedis)},
		{name: nameBareRueidis, needs: toolRedis, command: bare(bareRueidis)},
		{name: nameL1, command: (*bench).oursL1, detail: detailL1},
		{name: nameL2, needs: toolRedis, command: (*bench).oursL2, detail: detailL2},
		{name: nameL2Keys, needs: toolRedis, command: (*bench).oursL2, detail: detailL2, keys: zipfKeys()},
		{name: "ours, L1 hit, 50 keys by Zipf's law", command: (*bench).oursL1, detail: detailL1, keys: zipfKeys()},
		{name: "ours, L1 hit, scraped each second", command: (*bench).oursL1, detail: detailL1, beside: scrape},
		{name: nameTraced, command: (*bench).oursTraced, detail: detailL1, traced: true},

		{name: nameAlone, part: partSlow, command: (*bench).oursL1, detail: detailL1},
		{name: nameBeside, part: partSlow, command: (*bench).oursL1, detail: detailL1, beside: loadSlowly},

		{name: nameQuietGoRedis, part: partQuiet, needs: toolRedis, command: bare(bareGoRedis)},
		{name: nameQuietL2, part: partQuiet, needs: toolRedis, command: (*bench).oursL2, detail: detailL2},
	}
}

// choose returns the subjects whose name matches only.
func choose(all []subject, only string) (chosen []subject, err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	for _, s := range all {
		if pattern.MatchString(s.name) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-only: %q matches no row", only)
	}
	return chosen, nil
}

// asked returns the keys that must be there before the load begins.
func (s subject) asked() []string {
	if len(s.keys) > 0 {
		return s.keys
	}
	return []string{hotKey}
}
