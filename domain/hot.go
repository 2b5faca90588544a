package domain

// HotKey is a key that is requested often.
type HotKey struct {
	Key  Key
	Rate float64 // requests per second, estimated
	// Error is by how much Rate may be too high because of other keys, and by how much
	// off, with 95 % confidence, because only a sample of the requests is counted.
	Error float64
}

// HotRoute are the hottest keys of one route, the hottest first.
type HotRoute struct {
	Route string // empty where there are no routes
	Keys  []HotKey
}

// Warmed says what became of keys that were to be loaded ahead of requests.
type Warmed struct {
	Held    int // a layer had them; this instance's memory has them now
	Loaded  int // the source was asked for them
	Failed  int // their load failed
	Skipped int // their load did not begin, or not end, in time
}

// Add adds the numbers of other.
func (w *Warmed) Add(other Warmed) {
	w.Held += other.Held
	w.Loaded += other.Loaded
	w.Failed += other.Failed
	w.Skipped += other.Skipped
}

// WarmedUp says what an instance did to fill its memory before it was ready.
type WarmedUp struct {
	Listed int // hot keys
	Keys   int // of these, that its memory has now
	Bytes  int // of their values
}
