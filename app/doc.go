// Package app is the use case: reading a key through two layers and a source,
// so that a miss in both layers costs one call of the source, whatever the
// number of requests and instances.
//
// A read goes
//
//  1. to L1; a fresh copy there is the answer, and nothing else happens (cache.go);
//  2. into the key's call, which all requests of this process share (flight);
//  3. to L2; a fresh copy there is promoted to L1 and is the answer (load.go);
//  4. to a slot of the source, then to the locker, for the lease to load the key, or
//     to wait for the instance that has it;
//  5. to the source, under the lease, alone or together with other keys (access.go,
//     batching.go); what it answers fills L2, then L1 (store.go).
//
// The package knows no vendor and no protocol: it meets the world through
// package ports.
package app
