// Package fileattrs discovers owner and mode of the files and directories on
// which the security of a system rests.
package fileattrs

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/discovery/inode"
)

// Type is the discovery type "fileattrs".
var Type = discovery.Type{
	Name:    "fileattrs",
	Short:   "owner and mode of the files on which security rests",
	Every:   time.Hour,
	Files:   []string{"/etc/passwd", "/etc/shadow", "/etc/sudoers", "/etc/ssh", "/etc/cron.d"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"status of the files on the list: accounts, sudo, ssh, cron, boot, system directories"},
		Keys: []discovery.Field{
			{Key: "files.PATH.type", Meaning: "file, directory, link or other"},
			{Key: "files.PATH.mode", Meaning: "permissions in octal with the sticky, setuid and setgid bits: \"0644\""},
			{Key: "files.PATH.owner", Meaning: "user by name, else number"},
			{Key: "files.PATH.group", Meaning: "group by name, else number"},
			{Key: "truncated", Meaning: "true when the list named more than 4096 files"},
		},
	},
}

// watched are the files, directories and patterns looked at.
var watched = []string{
	"etc/passwd", "etc/passwd-", "etc/shadow", "etc/shadow-", "etc/group", "etc/group-", "etc/gshadow", "etc/gshadow-", "etc/security/opasswd",
	"etc/sudoers", "etc/sudoers.d", "etc/sudoers.d/*", "etc/ssh", "etc/ssh/sshd_config", "etc/ssh/sshd_config.d/*", "etc/ssh/ssh_host_*_key", "etc/ssh/ssh_host_*_key.pub",
	"etc/crontab", "etc/anacrontab", "etc/cron.d", "etc/cron.hourly", "etc/cron.daily", "etc/cron.weekly", "etc/cron.monthly", "etc/cron.allow", "etc/cron.deny",
	"etc/at.allow", "etc/at.deny", "var/spool/cron", "var/spool/cron/crontabs",
	"etc/hosts.allow", "etc/hosts.deny", "etc/issue", "etc/issue.net", "etc/motd", "etc/login.defs", "etc/nsswitch.conf", "etc/pam.d", "etc/audit", "etc/audit/*.rules", "etc/audit/auditd.conf",
	"boot/grub/grub.cfg", "boot/grub2/grub.cfg", "boot/efi", "etc/ld.so.preload", "etc/ld.so.conf", "etc/profile", "etc/bash.bashrc", "etc/environment", "etc/init.d", "etc/systemd/system",
	"root", "root/.ssh", "root/.ssh/authorized_keys", "tmp", "var/tmp", "var/log", "etc", "usr/bin", "usr/sbin", "usr/lib", "bin", "sbin",
}

// Payload is the document.
type Payload struct {
	Files     map[string]Attributes `json:"files"`
	Truncated bool                  `json:"truncated,omitempty"`
}

// Attributes are those of one file.
type Attributes struct {
	Type  string `json:"type"`
	Mode  string `json:"mode"`
	Owner string `json:"owner,omitempty"`
	Group string `json:"group,omitempty"`
}

const maxFiles = 4096

func collect(ctx context.Context, h discovery.Host) (any, error) {
	doc := &Payload{Files: map[string]Attributes{}}
	users, groups := names(h, "etc/passwd"), names(h, "etc/group")
	for _, pattern := range watched {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		matches := []string{pattern}
		if strings.Contains(pattern, "*") {
			matches, _ = fs.Glob(h.Root(), pattern)
		}
		for _, name := range matches {
			info, err := fs.Stat(h.Root(), name)
			if err != nil {
				continue // not here, or a link to nowhere
			}
			if len(doc.Files) == maxFiles {
				doc.Truncated = true
				return doc, nil
			}
			doc.Files["/"+name] = attributes(info, users, groups)
		}
	}
	if len(doc.Files) == 0 {
		return nil, discovery.ErrNotHere
	}
	return doc, nil
}

func attributes(info fs.FileInfo, users, groups map[string]string) Attributes {
	a := Attributes{Type: kind(info.Mode()), Mode: octal(info.Mode())}
	if _, uid, gid, ok := inode.Of(info); ok {
		a.Owner, a.Group = named(users, uid), named(groups, gid)
	}
	return a
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "directory"
	case m&fs.ModeSymlink != 0:
		return "link"
	}
	return "other"
}

// octal writes a mode as chmod takes it.
func octal(m fs.FileMode) string {
	bits := uint32(m.Perm())
	for _, special := range []struct {
		mode fs.FileMode
		bit  uint32
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if m&special.mode != 0 {
			bits |= special.bit
		}
	}
	return fmt.Sprintf("%04o", bits)
}

// names reads number → name of passwd and group, whose third field is the number.
func names(h discovery.Host, file string) map[string]string {
	text, err := conf.Read(h, file)
	if err != nil {
		return nil
	}
	byNumber := map[string]string{}
	for _, line := range conf.Lines(text) {
		f := strings.SplitN(line, ":", 4)
		if len(f) == 4 && byNumber[f[2]] == "" {
			byNumber[f[2]] = f[0]
		}
	}
	return byNumber
}

func named(names map[string]string, id uint32) string {
	number := fmt.Sprint(id)
	if name := names[number]; name != "" {
		return name
	}
	return number
}
