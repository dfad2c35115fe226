// Package fileattrs discovers who may do what with the files and directories on
// which the security of a system rests: owner, mode, access control list and
// SELinux context. A site adds files to the list in /etc/assim/fileattrs.list.
package fileattrs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/discovery/inode"
)

// Type is the discovery type "fileattrs".
var Type = discovery.Type{
	Name:    "fileattrs",
	Short:   "owner, mode, access control list and SELinux context of the files on which security rests",
	Every:   time.Hour,
	Files:   []string{"/etc/passwd", "/etc/shadow", "/etc/sudoers", "/etc/ssh", "/etc/cron.d", "/" + siteList},
	Needs:   []string{"root: files in directories that only root may enter are not looked at"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"status and extended attributes of the files on the list: accounts, sudo, ssh, cron, boot, system directories",
			"/" + siteList + ": paths and patterns of a site's own, one a line; /srv/www/** is all below a directory"},
		Keys: []discovery.Field{
			{Key: "files.PATH.type", Meaning: "file, directory, link or other"},
			{Key: "files.PATH.mode", Meaning: "permissions in octal with the sticky, setuid and setgid bits: \"0644\""},
			{Key: "files.PATH.owner", Meaning: "user by name, else number"},
			{Key: "files.PATH.group", Meaning: "group by name, else number"},
			{Key: "files.PATH.acl", Meaning: "entries beyond the mode, as getfacl has them: \"user::rw-,user:lisa:r--,group::r--,mask::r--,other::---\""},
			{Key: "files.PATH.default_acl", Meaning: "what new files in a directory are given"},
			{Key: "files.PATH.selinux", Meaning: "SELinux context: user:role:type:level"},
			{Key: "more.files", Meaning: "how many more files were named than the 4096 listed"},
			{Key: "more.sha256", Meaning: "SHA-256 of what would be said of these, so that a change of one of them is seen"},
			{Key: "truncated", Meaning: "true when the list named more than 200,000 files"},
			{Key: "errors[]", Meaning: "lines of the list, and files, that could not be read"},
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

// siteList adds to watched.
const siteList = "etc/assim/fileattrs.list"

// Payload is the document.
type Payload struct {
	Files     map[string]Attributes `json:"files"`
	More      *conf.More            `json:"more,omitempty"`
	Truncated bool                  `json:"truncated,omitempty"`
	Errors    []string              `json:"errors,omitempty"`
}

// Attributes are those of one file.
type Attributes struct {
	Type    string `json:"type"`
	Mode    string `json:"mode"`
	Owner   string `json:"owner,omitempty"`
	Group   string `json:"group,omitempty"`
	ACL     string `json:"acl,omitempty"`
	Default string `json:"default_acl,omitempty"`
	SELinux string `json:"selinux,omitempty"`
}

// Limits of a document.
const (
	maxFiles  = 4096
	maxErrors = 100
)

func collect(ctx context.Context, h discovery.Host) (any, error) {
	list := conf.ReadWatched(h, siteList)
	doc := &Payload{Files: map[string]Attributes{}, Errors: list.Errors}
	list.Patterns = append(slices.Clone(watched), list.Patterns...)
	users, groups := names(h, "etc/passwd"), names(h, "etc/group")
	rest, more := sha256.New(), conf.More{}
	doc.Truncated = !list.Each(ctx, h.Root(), func(name string) bool {
		if _, known := doc.Files["/"+name]; known {
			return true
		}
		a, err := look(h.Root(), name, users, groups)
		if err != nil && len(doc.Errors) < maxErrors {
			doc.Errors = append(doc.Errors, err.Error())
		}
		switch {
		case a.Type == "":
		case len(doc.Files) < maxFiles:
			doc.Files["/"+name] = a
		default:
			more.Files++
			fmt.Fprintf(rest, "%q %q\n", name, a)
		}
		return true
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(doc.Files) == 0 {
		return nil, discovery.ErrNotHere
	}
	if more.Files > 0 {
		more.Sum = hex.EncodeToString(rest.Sum(nil))
		doc.More = &more
	}
	return doc, nil
}

// attributed is a root file system that knows extended attributes; package host
// has it.
type attributed interface {
	Xattrs(name string, attrs ...string) ([][]byte, error)
}

// look returns the attributes of one file; without a type, there is none, or it
// is a link to nowhere.
func look(root fs.FS, name string, users, groups map[string]string) (Attributes, error) {
	info, err := fs.Stat(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return Attributes{}, nil
	}
	if err != nil {
		return Attributes{}, err
	}
	a := attributes(info, users, groups)
	x, ok := root.(attributed)
	if !ok {
		return a, nil
	}
	values, err := x.Xattrs(name, "system.posix_acl_access", "system.posix_acl_default", "security.selinux")
	for i, text := range []*string{&a.ACL, &a.Default} {
		if err == nil && values[i] != nil {
			*text, err = aclText(name, values[i], users, groups)
		}
	}
	if err != nil {
		return a, err
	}
	a.SELinux = strings.TrimRight(string(values[2]), "\x00")
	return a, nil
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
