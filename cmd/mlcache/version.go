package main

import "runtime/debug"

// version is stamped by the build: -ldflags "-X main.version=v1.2.3".
var version string

// programVersion returns the stamped version, else what Go knows of the module.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
