// Package prove plays trouble to the program, as several processes, and checks what it
// promises: how often the source is called, how old an answer may be, and that none is
// lost or wrong.
//
// It starts all that it touches, on loopback: the instances, their source and, if there
// is one on the PATH, redis-server. It takes no address of anything else.
package prove
