// Package truth compares what is discovered, and the graph it makes, with what
// the host's own tools say: ip, ss, lsblk, findmnt, sysctl, sshd, dpkg, getent,
// lscpu, lldpcli and more. The system looked at is one of a lab, furnished with
// all that a network stack has; further root file systems are those of other
// releases and distributions.
//
//	make truth                 with the root file systems, which takes some minutes
//	go test ./e2e/truth        this machine
//
// Each named thing is a fact: the MTU of eth0, the value of a setting, the
// version of a package. The test prints a table of how many facts of each type
// are equal, and every difference with the reason it is known to have. It fails
// below 99 %, and for a difference without a reason.
package truth
