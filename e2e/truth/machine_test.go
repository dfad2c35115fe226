package truth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func (s *subject) disks() {
	type block struct {
		Devices []struct {
			Name, Type, Model, Serial string
			Major, Minor              int
			Size                      int64 `json:"size_bytes"`
			ReadOnly                  bool  `json:"read_only"`
			Rotational, Removable     bool
		}
	}
	type lsblk struct {
		Name, Type, Model, Serial string
		Number                    string `json:"maj:min"`
		Size                      int64
		RO, Rota, RM              bool
		Children                  []lsblk
	}
	ours, theirs := map[string]string{}, map[string]string{}
	for _, d := range document1[block](s, "block").Devices {
		for what, v := range map[string]any{"type": d.Type, "model": d.Model, "serial": d.Serial, "number": fmt.Sprintf("%d:%d", d.Major, d.Minor), "size": d.Size, "read only": d.ReadOnly, "removable": d.Removable} {
			ours[d.Name+" "+what] = fmt.Sprint(v)
		}
	}
	var walk func([]lsblk)
	walk = func(list []lsblk) {
		for _, d := range list {
			if d.Serial == "" { // lsblk asks udev, which does not run everywhere
				d.Serial = strings.TrimSpace(string(s.tool("sh", "-c", "cat /sys/block/"+d.Name+"/serial 2>/dev/null || true")))
			}
			for what, v := range map[string]any{"type": d.Type, "model": d.Model, "serial": d.Serial, "number": d.Number, "size": d.Size, "read only": d.RO, "removable": d.RM} {
				theirs[d.Name+" "+what] = fmt.Sprint(v)
			}
			walk(d.Children)
		}
	}
	out := s.tool("lsblk", "-J", "-b", "-o", "NAME,TYPE,MODEL,SERIAL,MAJ:MIN,SIZE,RO,ROTA,RM")
	walk(decode[struct{ Blockdevices []lsblk }](s.t, "lsblk", out).Blockdevices)
	s.alike("block", "", ours, theirs)
}

func (s *subject) mounted() {
	type mounts struct {
		Mounts []struct {
			Target, Source, FSType, Root string
			Options                      map[string]any
			Size                         int64 `json:"size_bytes"`
		}
	}
	ours, theirs := map[string]string{}, map[string]string{}
	note := func(m map[string]string, target, source, fstype string, ro bool) {
		m[target+" source"], m[target+" type"], m[target+" read only"] = source, fstype, fmt.Sprint(ro)
	}
	for _, d := range document1[mounts](s, "mounts").Mounts {
		source := d.Source
		if d.Root != "" && d.Root != "/" {
			source += "[" + d.Root + "]"
		}
		note(ours, d.Target, source, d.FSType, d.Options["ro"] == true)
	}
	type findmnt struct{ Target, Source, FSType, Options string }
	for _, d := range decode[struct{ Filesystems []findmnt }](s.t, "findmnt", s.tool("findmnt", "-J", "-l", "-o", "TARGET,SOURCE,FSTYPE,OPTIONS")).Filesystems {
		note(theirs, d.Target, d.Source, d.FSType, slices.Contains(strings.Split(d.Options, ","), "ro"))
	}
	s.alike("mounts", "", ours, theirs)
}

func (s *subject) settings() {
	type sysctl struct{ Settings map[string]any }
	ours, theirs := map[string]string{}, map[string]string{}
	for name, v := range document1[sysctl](s, "proc_sys").Settings {
		ours[name] = strings.Join(strings.Fields(fmt.Sprint(v)), " ")
	}
	for _, line := range lines(s.tool("sh", "-c", "sysctl -a 2>/dev/null")) {
		name, value, ok := strings.Cut(line, " = ")
		if !ok {
			name, value, ok = strings.Cut(line, " =")
		}
		if ok {
			theirs[name] = strings.TrimSpace(theirs[name] + " " + strings.Join(strings.Fields(value), " "))
		}
	}
	s.alike("proc_sys", "", ours, theirs)
}

func (s *subject) release() {
	type system struct {
		Name, ID, Version, Codename, Arch, Hostname, Timezone, Init string
		PrettyName                                                  string `json:"pretty_name"`
		VersionID                                                   string `json:"version_id"`
		Kernel                                                      struct{ Name, Release, Version string }
	}
	d := document1[system](s, "os")
	tool := func(script string) string { return strings.TrimSpace(string(s.tool("sh", "-c", script))) }
	for key, ours := range map[string]string{"NAME": d.Name, "ID": d.ID, "VERSION": d.Version, "VERSION_CODENAME": d.Codename, "PRETTY_NAME": d.PrettyName, "VERSION_ID": d.VersionID} {
		s.same("os", key, ours, tool(". /etc/os-release; echo \"$"+key+"\""))
	}
	s.same("os", "uname -m", d.Arch, tool("uname -m"))
	s.same("os", "uname -s", d.Kernel.Name, tool("uname -s"))
	s.same("os", "uname -r", d.Kernel.Release, tool("uname -r"))
	s.same("os", "uname -v", d.Kernel.Version, tool("uname -v"))
	s.same("os", "hostname", d.Hostname, tool("hostname"))
	s.same("os", "time zone", d.Timezone, tool("readlink /etc/localtime | sed s#.*/zoneinfo/##"))
	s.same("os", "process 1", d.Init, tool("cat /proc/1/comm"))
	type vm struct{ Kind, Container string }
	v := document1[vm](s, "vm")
	if detected := tool("systemd-detect-virt --vm || true"); detected != "" && !strings.Contains(detected, "not found") {
		s.same("vm", "virtual", v.Kind != "physical", detected != "none")
	}
}

func (s *subject) processor() {
	type cpu struct {
		Vendor, Model, Family   string
		Sockets, Cores, Threads int
		Flags                   []string
		Vulnerabilities         map[string]string
	}
	type entry struct{ Field, Data string }
	d := document1[cpu](s, "cpu")
	theirs := map[string]string{}
	for _, e := range decode[struct{ Lscpu []entry }](s.t, "lscpu", s.tool("lscpu", "-J")).Lscpu {
		theirs[strings.TrimSuffix(e.Field, ":")] = e.Data
	}
	number := func(key string) int {
		n, _ := strconv.Atoi(theirs[key])
		return n
	}
	s.same("cpu", "vendor", d.Vendor, theirs["Vendor ID"])
	s.same("cpu", "model", d.Model, theirs["Model name"])
	s.same("cpu", "family", d.Family, theirs["CPU family"]+"/"+theirs["Model"]+"/"+theirs["Stepping"])
	s.same("cpu", "threads", d.Threads, number("CPU(s)"))
	s.same("cpu", "sockets", d.Sockets, number("Socket(s)"))
	s.same("cpu", "cores", d.Cores, number("Core(s) per socket")*number("Socket(s)"))
	s.sets("cpu", "flag ", d.Flags, strings.Fields(theirs["Flags"]))
	ours, weak := map[string]string{}, map[string]string{}
	for name, text := range d.Vulnerabilities {
		ours[strings.ToLower(strings.ReplaceAll(name, "_", " "))] = unpointed(text)
	}
	for field, text := range theirs {
		if name, ok := strings.CutPrefix(field, "Vulnerability "); ok {
			weak[strings.ToLower(name)] = unpointed(text)
		}
	}
	s.alike("cpu", "vulnerability ", ours, weak)
}

// unpointed leaves out the colons and semicolons that lscpu writes otherwise than
// the kernel.
func unpointed(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ':' || r == ';' {
			return -1
		}
		return r
	}, text)
}

func (s *subject) mainMemory() {
	type memory struct {
		Total int64 `json:"total_bytes"`
		Swap  int64 `json:"swap_bytes"`
		Nodes []struct{ Node int }
	}
	d := document1[memory](s, "memory")
	for _, line := range lines(s.tool("free", "-b")) {
		if f := strings.Fields(line); len(f) > 1 && (f[0] == "Mem:" || f[0] == "Swap:") {
			s.same("memory", f[0], map[string]int64{"Mem:": d.Total, "Swap:": d.Swap}[f[0]], f[1])
		}
	}
	s.same("memory", "nodes", len(d.Nodes), string(s.tool("sh", "-c", "printf %s $(ls -d /sys/devices/system/node/node[0-9]* | wc -l)")))
}

func (s *subject) limits() {
	type ulimit struct {
		Init   map[string]struct{ Soft, Hard int64 }
		Logins []struct{ Domain, Type, Item string }
	}
	names := map[string]string{"AS": "address_space", "CORE": "core_file_size", "CPU": "cpu_time", "DATA": "data_size", "FSIZE": "file_size", "LOCKS": "file_locks", "MEMLOCK": "locked_memory",
		"MSGQUEUE": "msgqueue_size", "NICE": "nice_priority", "NOFILE": "open_files", "NPROC": "processes", "RSS": "resident_set", "RTPRIO": "realtime_priority", "RTTIME": "realtime_timeout", "SIGPENDING": "pending_signals", "STACK": "stack_size"}
	d := document1[ulimit](s, "ulimit")
	ours, theirs := map[string]string{}, map[string]string{}
	value := func(text string) string {
		if text == "unlimited" {
			return "-1"
		}
		return text
	}
	for name, l := range d.Init {
		ours[name] = fmt.Sprint(l.Soft, l.Hard)
	}
	for _, line := range lines(s.tool("prlimit", "--pid", "1", "--noheadings", "--raw", "-o", "RESOURCE,SOFT,HARD")) {
		if f := strings.Fields(line); len(f) == 3 {
			theirs[names[f[0]]] = value(f[1]) + " " + value(f[2])
		}
	}
	s.alike("ulimit", "", ours, theirs)
	found := false
	for _, l := range d.Logins {
		found = found || l.Domain == "*" && l.Type == "hard" && l.Item == "nofile"
	}
	s.same("ulimit", "site.conf", found, true)
}
