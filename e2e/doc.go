// Package e2e proves the whole: the programs as built, on systems and switches
// out of network namespaces (package lab), asked through the operator's command.
package e2e
