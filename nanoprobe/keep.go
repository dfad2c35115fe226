package nanoprobe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"assim/host"
)

// maxKept bounds what a discovery type keeps.
const maxKept = 512 << 10

// keeper is the host with a place where a discovery type keeps a little from one
// run of the nanoprobe to the next: whom a process called an hour ago is still
// known after an upgrade of the nanoprobe, and is no news. See discovery.Keeper.
type keeper struct {
	*host.Host
	dir string
}

func (k keeper) file(name string) string { return filepath.Join(k.dir, "kept."+name) }

// Keep replaces what was kept under a name, as a whole or not at all.
func (k keeper) Keep(name string, data []byte) error {
	if len(data) > maxKept {
		return fmt.Errorf("%s: %d bytes are more than the %d that may be kept", name, len(data), maxKept)
	}
	tmp, err := os.CreateTemp(k.dir, ".kept.*") // made with 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already when all went well
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), k.file(name))
}

// Kept returns what was kept under a name, and nothing where there is nothing.
func (k keeper) Kept(name string) []byte {
	f, err := os.Open(k.file(name))
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKept+1))
	if err != nil || len(data) > maxKept {
		return nil
	}
	return data
}
