// Package app is the use case: reading a key through two layers and a source,
// so that a miss in both layers costs one call of the source, whatever the
// number of requests and instances.
//
// A read goes
//
//  1. to L1; a fresh copy there is the answer, and nothing else happens;
//  2. into the key's flight, which all requests of this process share;
//  3. to L2; a fresh copy there is promoted to L1 and is the answer;
//  4. to the locker, for the lease to load the key, or to wait for whoever has it;
//  5. to the source, under the lease; what it says fills L2, then L1.
//
// The package knows no vendor and no protocol: it meets the world through
// package ports. See flight.go for the sharing inside the process and load.go
// for the sharing between processes.
package app
