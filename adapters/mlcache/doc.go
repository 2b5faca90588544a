// Package mlcache puts a cache in front of a function that is slow: of a database, of
// an API, of anything that has a value for a key.
//
//	products, err := mlcache.New("products", loadProduct) // func(ctx context.Context, key string) (Product, error)
//	...
//	defer products.Close(ctx)
//	p, err := products.Get(ctx, "7")
//
// A value comes from this process's memory, else from a second layer, else from the
// function. However many callers want a key that no layer has, the function is called
// once; with Redis as the second layer, once for all processes:
//
//	products, err := mlcache.New("products", loadProduct,
//		mlcache.Redis("redis://localhost:6379"),
//		mlcache.TTL(5*time.Minute), mlcache.StaleIfError(time.Hour))
//
// The function returns an error that wraps ErrNotFound when there is no such key; it
// must end when its context does. It may say what holds for a value (Describe). A
// function that has many keys at once is for NewBatch, a source of this module, like
// sqlsource, for NewFrom.
//
// Many caches share a connection (Connect, On). The name of a cache stands before its
// keys and invalidations, so instances of a program use the same name, and other
// programs on the same Redis another one. When the type of the values changes in a way
// that old values cannot be decoded, or mean something else, the cache needs a new name.
//
// Metrics and Dashboard are handlers of net/http that show what the cache does. Fake is
// a cache for tests.
//
// The package is a composition, as the service cmd/mlcache is: all that it does is done
// by app and the other adapters. It knows nothing of HTTP but the two handlers.
package mlcache
