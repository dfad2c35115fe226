package proc

import (
	"regexp"
	"strings"
)

// maxCgroup bounds /proc/PID/cgroup; a dozen hierarchies need 2 KiB.
const maxCgroup = 16 << 10

// place is where the kernel's control groups say a process belongs.
type place struct {
	unit      string // "nginx.service"; empty for login sessions and transient scopes
	container string // "docker:1a2b3c4d5e6f"; empty outside containers
}

// parseCgroup reads /proc/PID/cgroup, both hierarchies: the unified line "0::"
// first, then name=systemd, then any other that names a container.
//
//	0::/system.slice/nginx.service
//	0::/system.slice/docker-<64 hex>.scope
//	4:memory:/docker/<64 hex>
//	1:name=systemd:/lxc.payload.web/system.slice/nginx.service
func parseCgroup(text string) place {
	var best place
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		p := placeOf(parts[2])
		if best.container == "" {
			best.container = p.container
		}
		// Other v1 hierarchies are cut short by systemd (no unit below the slice).
		if best.unit == "" && (parts[1] == "" || parts[1] == "name=systemd") {
			best.unit = p.unit
		}
	}
	return best
}

// placeOf reads one cgroup path from left to right: what follows a container
// is inside it, so a unit found before it is the engine's own.
func placeOf(path string) place {
	var p place
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if c := containerOf(segments[:i], s); c != "" {
			p = place{container: c}
			continue
		}
		if u := unitOf(s); u != "" {
			p.unit = u
		}
	}
	return p
}

// containerPrefixes are how engines name a container's scope: prefix, 64 hex
// digits, ".scope".
var containerPrefixes = []struct{ prefix, engine string }{
	{"docker-", "docker"},
	{"libpod-", "podman"},
	{"cri-containerd-", "containerd"},
	{"crio-", "crio"},
	{"nerdctl-", "containerd"},
}

// containerOf says which container segment s opens, if any; above are the
// segments to its left.
func containerOf(above []string, s string) string {
	for _, c := range containerPrefixes {
		id, ok := strings.CutPrefix(s, c.prefix)
		if id = strings.TrimSuffix(id, ".scope"); ok && isContainerID(id) {
			return c.engine + ":" + id[:shortID]
		}
	}
	parent := ""
	if len(above) > 0 {
		parent = above[len(above)-1]
	}
	switch {
	case isContainerID(s) && strings.HasPrefix(strings.Join(above, "/"), "/kubepods"):
		return "containerd:" + s[:shortID]
	case isContainerID(s) && parent == "docker":
		return "docker:" + s[:shortID]
	case isContainerID(s) && parent != "":
		return parent + ":" + s[:shortID]
	case (parent == "lxc" || parent == "lxc.payload") && s != "":
		return "lxc:" + s
	case strings.HasPrefix(s, "lxc.payload."):
		return "lxc:" + strings.TrimPrefix(s, "lxc.payload.")
	case strings.HasPrefix(s, "systemd-nspawn@") && strings.HasSuffix(s, ".service"):
		return "machine:" + unescapeUnit(strings.TrimSuffix(strings.TrimPrefix(s, "systemd-nspawn@"), ".service"))
	case strings.HasPrefix(s, "machine-") && strings.HasSuffix(s, ".scope"):
		name := unescapeUnit(strings.TrimSuffix(strings.TrimPrefix(s, "machine-"), ".scope"))
		// libvirt puts each virtual machine's qemu here; that is a process, not a container.
		if strings.HasPrefix(name, "qemu-") {
			return ""
		}
		return "machine:" + name
	}
	return ""
}

const (
	fullID  = 64 // hex digits of a container id
	shortID = 12 // as people and engines shorten it
)

func isContainerID(s string) bool {
	if len(s) != fullID {
		return false
	}
	for _, c := range s {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// unitOf returns s when it names a lasting systemd service. Scopes and
// "run-u17.service" are numbered as they come and say nothing.
func unitOf(s string) string {
	if !strings.HasSuffix(s, ".service") || strings.HasPrefix(s, "run-u") || strings.HasPrefix(s, "run-r") {
		return ""
	}
	// Socket activation makes an instance per connection; only its template lasts.
	if name, instance, ok := strings.Cut(strings.TrimSuffix(s, ".service"), "@"); ok && perConnection.MatchString(instance) {
		return name + "@.service"
	}
	return unescapeUnit(s)
}

// perConnection matches "12-10.0.0.1:22-10.0.0.9:50000" and "1-4711-0", but not
// the "15-main" of postgresql@15-main.service.
var perConnection = regexp.MustCompile(`^\d+-(.*:\d+|\d+-\d+)`)

// unescapeUnit undoes systemd's \x2d.
func unescapeUnit(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+3 < len(s) && s[i] == '\\' && s[i+1] == 'x' && hexDigit(s[i+2]) >= 0 && hexDigit(s[i+3]) >= 0 {
			b.WriteByte(byte(hexDigit(s[i+2])<<4 | hexDigit(s[i+3])))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return printable(b.String(), maxName)
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
