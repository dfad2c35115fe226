package trust

import (
	"crypto/sha256"
	"io/fs"
	"strings"
)

// Machine tells one machine from a copy of its disk: systemd's machine-id,
// which a good cloning procedure renews, and the firmware's product UUID,
// which a virtual machine's copy gets anew.
type Machine struct {
	ID      string // empty if unknown
	Product string // empty if unknown, e.g. not root
}

const maxMachineFile = 256

// ReadMachine asks the machine under root.
func ReadMachine(root fs.FS) Machine {
	return Machine{ID: readLine(root, "etc/machine-id"), Product: readLine(root, "sys/class/dmi/id/product_uuid")}
}

func readLine(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil || len(b) > maxMachineFile {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.ToLower(strings.TrimSpace(line))
}

// Hash is what travels: it tells machines apart and says nothing about them.
func (m Machine) Hash() [16]byte {
	sum := sha256.Sum256([]byte("assim machine " + m.ID + " " + m.Product))
	return [16]byte(sum[:16])
}

// Differs reports whether m is another machine than was. What one of them
// does not know proves nothing: a nanoprobe that once ran as root sees no
// product UUID later, and is still itself.
func (m Machine) Differs(was Machine) bool {
	return m.ID != "" && was.ID != "" && m.ID != was.ID ||
		m.Product != "" && was.Product != "" && m.Product != was.Product
}
