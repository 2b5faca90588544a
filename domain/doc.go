// Package domain holds the words of the cache and the rules that are pure
// functions of them: what a key is, what an entry is, when a copy of it is
// fresh, and which errors mean what.
//
// It does no I/O, starts no goroutine, reads no clock and knows no vendor.
// Every other package may import it; it imports none of them.
package domain
