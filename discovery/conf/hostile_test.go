package conf_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/all"
	"assim/host"
)

// read are files that types read, each by another.
var read = []string{
	"etc/passwd", "etc/group", "etc/shadow", "etc/sudoers", "etc/login.defs", "etc/nsswitch.conf", "etc/ssh/sshd_config", "etc/audit/auditd.conf", "etc/pam.d/sshd",
	"etc/crontab", "etc/security/limits.conf", "etc/os-release", "etc/resolv.conf", "etc/init.d/x", "var/lib/dpkg/status", "lib/apk/db/installed", "proc/cpuinfo",
	"proc/meminfo", "proc/partitions", "proc/self/mountinfo", "proc/sys/kernel/x", "run/cloud-init/instance-data.json", "sys/class/dmi/id/sys_vendor", "usr/sbin/sshd",
}

// TestHostileFilesCannotHoldADiscoveryUp looks with every type at a root whose
// files are pipes nobody writes to, a thousand megabytes of nothing, links in a
// circle, directories, and binary rubbish.
func TestHostileFilesCannotHoldADiscoveryUp(t *testing.T) {
	const huge = 1 << 30
	for name, make := range map[string]func(file string) error{
		"a pipe":      func(file string) error { return syscall.Mkfifo(file, 0o644) },
		"a directory": func(file string) error { return os.MkdirAll(file, 0o755) },
		"a circle":    func(file string) error { return os.Symlink(filepath.Base(file), file) },
		"rubbish": func(file string) error {
			return os.WriteFile(file, []byte(strings.Repeat("\x00\xff=:\x1b[2J \"\\\n/(),#@%{}", 4000)), 0o644)
		},
		"a gigabyte": func(file string) error {
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				return err
			}
			return os.Truncate(file, huge)
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, file := range read {
				file = filepath.Join(root, filepath.FromSlash(file))
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := make(file); err != nil {
					t.Fatal(err)
				}
			}
			h := host.New(root)
			for _, typ := range all.Types {
				look(t, typ, h, patience)
			}
		})
	}
}

// patience is for one type on one root.
const patience = 10 * time.Second

// look returns the document, nil when there is none.
func look(t *testing.T, typ discovery.Type, h discovery.Host, limit time.Duration) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	begun := time.Now()
	payload, err := typ.Collector()(ctx, h)
	if took := time.Since(begun); took > limit {
		t.Errorf("%s took %s", typ.Name, took)
	}
	var at *fs.PathError
	if errors.As(err, &at) && !strings.Contains(err.Error(), at.Path) {
		t.Errorf("%s: the error does not name the file: %v", typ.Name, err)
	}
	if err != nil {
		return nil
	}
	doc, _, err := discovery.Canonical(payload)
	if err != nil {
		t.Errorf("%s: %v", typ.Name, err)
		return nil
	}
	if len(doc) > discovery.MaxDocument/4 {
		t.Errorf("%s: a document of %d bytes from hostile files", typ.Name, len(doc))
	}
	return doc
}
