// Package os discovers which operating system runs here: its name and release,
// the kernel, the architecture and what the system calls itself.
package os

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"assim/discovery"
	"assim/graph"
)

// Type is the discovery type.
var Type = discovery.Type{
	Name:    "os",
	Short:   "operating system, kernel, architecture, host name",
	Every:   time.Hour,
	Files:   []string{"etc/os-release", "usr/lib/os-release", "etc/hostname", "etc/machine-id", "etc/timezone", "etc/localtime"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: toGraph,
	About: discovery.About{
		Reads: []string{"/etc/os-release, /usr/lib/os-release", "/proc/sys/kernel", "/etc/hostname", "/etc/machine-id (only a hash of it leaves the system)", "the ELF header of /bin/sh", "/etc/localtime"},
		Keys: []discovery.Field{
			{Key: "name", Meaning: "NAME of os-release(5)"},
			{Key: "pretty_name", Meaning: "PRETTY_NAME of os-release(5)"},
			{Key: "id", Meaning: "ID of os-release(5), lower case"},
			{Key: "id_like", Meaning: "ID_LIKE: what it descends from, nearest first"},
			{Key: "version_id", Meaning: "VERSION_ID"},
			{Key: "version", Meaning: "VERSION"},
			{Key: "codename", Meaning: "VERSION_CODENAME"},
			{Key: "variant", Meaning: "VARIANT_ID"},
			{Key: "build", Meaning: "BUILD_ID"},
			{Key: "kernel.name", Meaning: "Linux"},
			{Key: "kernel.release", Meaning: "as uname -r"},
			{Key: "kernel.version", Meaning: "as uname -v"},
			{Key: "arch", Meaning: "machine architecture, as uname -m"},
			{Key: "userland", Meaning: "architecture of /bin/sh, where it differs"},
			{Key: "hostname", Meaning: "the kernel's host name, or /etc/hostname"},
			{Key: "machine_id_hash", Meaning: "SHA-256 of the machine id, first 32 hex digits: the same on cloned systems"},
			{Key: "timezone", Meaning: "name in the tz database"},
			{Key: "init", Meaning: "name of process 1"},
		},
		Graph: "(System {hostname, os, os_id, os_version, kernel, arch})",
	},
}

// payload is the document.
type payload struct {
	Name       string   `json:"name,omitempty"`
	Pretty     string   `json:"pretty_name,omitempty"`
	ID         string   `json:"id,omitempty"`
	IDLike     []string `json:"id_like,omitempty"`
	VersionID  string   `json:"version_id,omitempty"`
	Version    string   `json:"version,omitempty"`
	Codename   string   `json:"codename,omitempty"`
	Variant    string   `json:"variant,omitempty"`
	Build      string   `json:"build,omitempty"`
	Kernel     *kernel  `json:"kernel,omitempty"`
	Arch       string   `json:"arch,omitempty"`
	Userland   string   `json:"userland,omitempty"`
	Hostname   string   `json:"hostname,omitempty"`
	MachineID  string   `json:"machine_id_hash,omitempty"`
	Timezone   string   `json:"timezone,omitempty"`
	Init       string   `json:"init,omitempty"`
	Unreadable []string `json:"unreadable,omitempty"`
}

type kernel struct {
	Name    string `json:"name,omitempty"`
	Release string `json:"release"`
	Version string `json:"version,omitempty"`
}

func collect(_ context.Context, h discovery.Host) (any, error) {
	p := &payload{}
	root := h.Root()
	p.release(root)
	p.kernel(root)
	p.arch(h)
	p.Hostname = first(discovery.Line(root, "proc/sys/kernel/hostname"), discovery.Line(root, "etc/hostname"))
	if id := first(discovery.Line(root, "etc/machine-id"), discovery.Line(root, "var/lib/dbus/machine-id")); id != "" {
		sum := sha256.Sum256([]byte("assim machine id " + id))
		p.MachineID = hex.EncodeToString(sum[:16])
	}
	p.Timezone = timezone(h)
	p.Init = discovery.Line(root, "proc/1/comm")
	if p.ID == "" && p.Kernel == nil && p.Hostname == "" {
		return nil, discovery.ErrNotHere
	}
	return p, nil
}

// maxRelease is the largest os-release that is read.
const maxRelease = 64 << 10

func (p *payload) release(root fs.FS) {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := fs.ReadFile(root, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			p.Unreadable = append(p.Unreadable, err.Error())
			continue
		case len(text) > maxRelease:
			p.Unreadable = append(p.Unreadable, fmt.Sprintf("%s: %d bytes are over the limit of %d", name, len(text), maxRelease))
			continue
		}
		v := parseRelease(string(text))
		p.Name, p.Pretty, p.ID = first(v["NAME"], "Linux"), v["PRETTY_NAME"], first(v["ID"], "linux")
		p.IDLike = strings.Fields(v["ID_LIKE"])
		p.VersionID, p.Version, p.Codename = v["VERSION_ID"], v["VERSION"], v["VERSION_CODENAME"]
		p.Variant, p.Build = v["VARIANT_ID"], v["BUILD_ID"]
		return
	}
}

// parseRelease reads os-release(5): NAME=value lines whose values are quoted as
// in a shell.
func parseRelease(text string) map[string]string {
	values := map[string]string{}
	for l := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(l), "=")
		if ok && !strings.HasPrefix(name, "#") {
			values[name] = unquote(value)
		}
	}
	return values
}

// unquote removes a shell's quotes: 'literal', "with \" escapes", and bare.
func unquote(s string) string {
	var out strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s) && (quote == 0 || strings.IndexByte("\"\\$`", s[i+1]) >= 0):
			i++
			out.WriteByte(s[i])
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

func (p *payload) kernel(root fs.FS) {
	k := kernel{Name: discovery.Line(root, "proc/sys/kernel/ostype"), Release: discovery.Line(root, "proc/sys/kernel/osrelease"), Version: discovery.Line(root, "proc/sys/kernel/version")}
	if k.Release != "" {
		p.Kernel = &k
	}
}

// arch is the kernel's word where it gives one (Linux 6.1 and newer), and what
// the shell was built for otherwise.
func (p *payload) arch(h discovery.Host) {
	shell := elfArch(h.Root(), "bin/sh")
	p.Arch = first(discovery.Line(h.Root(), "proc/sys/kernel/arch"), shell)
	if shell != p.Arch {
		p.Userland = shell
	}
}

// elfArch reads the machine of an ELF file's header, as uname -m would say it.
func elfArch(root fs.FS, name string) string {
	f, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	var header [20]byte
	if _, err := io.ReadFull(f, header[:]); err != nil || string(header[:4]) != elf.ELFMAG {
		return ""
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(header[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	wide := elf.Class(header[elf.EI_CLASS]) == elf.ELFCLASS64
	little := order == binary.LittleEndian
	switch elf.Machine(order.Uint16(header[18:])) {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_386:
		return "i686"
	case elf.EM_AARCH64:
		return "aarch64"
	case elf.EM_ARM:
		return "armv7l"
	case elf.EM_RISCV:
		return "riscv64"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_LOONGARCH:
		return "loongarch64"
	case elf.EM_PPC64:
		if little {
			return "ppc64le"
		}
		return "ppc64"
	case elf.EM_MIPS:
		if wide {
			return "mips64"
		}
		return "mips"
	}
	return ""
}

// timezone is the end of the link at etc/localtime, or the text of etc/timezone.
func timezone(h discovery.Host) string {
	if target, err := h.ReadLink("etc/localtime"); err == nil {
		if _, zone, ok := strings.Cut(target, "zoneinfo/"); ok {
			return zone
		}
	}
	return discovery.Line(h.Root(), "etc/timezone")
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func toGraph(system graph.Key, doc []byte) (graph.Change, error) {
	var p *payload
	if err := json.Unmarshal(doc, &p); err != nil {
		return graph.Change{}, fmt.Errorf("os: %w", err)
	}
	if p == nil {
		return graph.Change{}, errors.New("os: the document is null")
	}
	release := ""
	if p.Kernel != nil {
		release = p.Kernel.Release
	}
	props := graph.P("hostname", p.Hostname, "os", first(p.Pretty, p.Name), "os_id", p.ID, "os_version", p.VersionID,
		"kernel", release, "arch", p.Arch)
	return graph.Change{Nodes: []graph.Node{{Key: system, Props: props}}}, nil
}
