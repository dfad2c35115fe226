// Package version says which build this is.
package version

import "runtime"

// Set by the linker: -X assim/version.Version=... (see the Makefile).
var (
	Version = "dev"
	Commit  = "unknown"
	Date    = "unknown"
)

// String returns e.g. "cma 0.1.0 (commit 1a2b3c4, built 2026-11-25, go1.26.8 linux/amd64)".
func String(program string) string {
	return program + " " + Version + " (commit " + Commit + ", built " + Date + ", " +
		runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + ")"
}
