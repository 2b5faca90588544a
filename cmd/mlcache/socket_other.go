//go:build !linux

package main

import "syscall"

// bounded does nothing where the kernel has no such bound.
func bounded(string, string, syscall.RawConn) error { return nil }
