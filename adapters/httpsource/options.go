package httpsource

import (
	"fmt"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Options say where the backend is and what a load may cost. All but the
// functions are required.
type Options struct {
	// URL of a value: absolute, http or https, with {key} in its path or
	// query. A user and password in it are sent as Basic authorization.
	URL string
	// Timeout ends a load, body included, however much later ctx would.
	Timeout time.Duration
	// MaxBytes is how large a body may be.
	MaxBytes int64
	// MaxConns is how many connections to the backend there are at most. A
	// load that finds all in use waits for one.
	MaxConns int
	// TagsRefused is called when a value comes with tags that are invalid or too many,
	// with the reason.
	TagsRefused func(key domain.Key, reason error)
	// Redirected is called before each redirect is followed: that is one more
	// request of the load.
	Redirected func()
}

func (o Options) validate() error {
	switch {
	case o.Timeout <= 0:
		return fmt.Errorf("httpsource: Timeout is %v, must be positive", o.Timeout)
	case o.MaxBytes <= 0:
		return fmt.Errorf("httpsource: MaxBytes is %d, must be positive", o.MaxBytes)
	case o.MaxConns <= 0:
		return fmt.Errorf("httpsource: MaxConns is %d, must be positive", o.MaxConns)
	}
	return nil
}
