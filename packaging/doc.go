// Package packaging holds what a system runs assim with: units of systemd, the
// users that they run as, and a limit of the kernel. make install puts them and
// the programs in their places. It is no code but tests: that the units are
// sound, that SECURITY.md says what they grant, and what is lost without each.
package packaging
