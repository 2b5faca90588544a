package redis

import (
	"errors"
	"fmt"
	"strings"
)

// Namespace returns a view of c for one of several caches in a program: its keys and
// channels begin with the prefix of c, name and a colon, as if they were those of a
// client with that prefix. It shares all connections and is not closed. A Bus for it
// comes from Bus.Namespace. The empty name is c itself; namespaces do not nest.
func (c *Client) Namespace(name string) (*Client, error) {
	switch {
	case name == "":
		return c, nil
	case c.isView:
		return nil, errors.New("redis: namespaces do not nest")
	case strings.ContainsAny(name, "{}"):
		return nil, fmt.Errorf("redis: namespace %q contains a brace", name)
	}
	return &Client{connections: c.connections, prefix: c.base + name + ":", isView: true}, nil
}

// changes is the channel on which instances tell each other what they changed.
func (c *Client) changes() string { return channel(c.prefix, "changes", database(c.rdb)) }

// own is the channel of this instance alone: wake-ups.
func (c *Client) own() string { return channel(c.prefix, "wake:"+c.id, database(c.rdb)) }

// beats is the channel to which the probes of this instance are sent.
func (c *connections) beats() string { return channel(c.base, "wake:"+c.id, database(c.rdb)) }
