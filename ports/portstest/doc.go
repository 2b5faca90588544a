// Package portstest holds the contract suites of ports: what the comments there
// promise, as tests that every adapter passes. It knows no adapter; each adapter
// opens itself for it in its own tests.
package portstest
