package truth

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// flat writes a value of a document as a tool would: several as words.
func flat(v any) string {
	switch v := v.(type) {
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	case []any:
		var words []string
		for _, x := range v {
			words = append(words, flat(x))
		}
		return strings.Join(words, " ")
	case map[string]any:
		var words []string
		for k, x := range v {
			words = append(words, k+" "+flat(x))
		}
		sort.Strings(words)
		return strings.Join(words, " ")
	}
	return fmt.Sprint(v)
}

// sshd compares every keyword of the daemon's own effective configuration.
func (s *subject) sshd() {
	type sshd struct{ Settings map[string]any }
	ours, theirs := map[string]string{}, map[string]string{}
	for name, v := range document1[sshd](s, "sshd").Settings {
		ours[name] = normal(flat(v))
	}
	for _, line := range lines(s.tool("/usr/sbin/sshd", "-T")) {
		name, value, _ := strings.Cut(line, " ")
		theirs[name] = strings.TrimSpace(theirs[name] + " " + value)
	}
	for name := range theirs {
		theirs[name] = normal(theirs[name])
	}
	s.alike("sshd", "", ours, theirs)
}

// normal puts words that are a set in order, and takes commas for blanks.
func normal(text string) string {
	words := strings.Fields(strings.ReplaceAll(text, ",", " "))
	slices.Sort(words)
	return strings.Join(words, " ")
}

func (s *subject) accounts() {
	type users struct {
		Users []struct {
			Name, Home, Shell, Comment string
			UID, GID                   int
		}
		Groups []struct {
			Name    string
			GID     int
			Members []string
		}
	}
	d := document1[users](s, "users")
	ours, theirs := map[string]string{}, map[string]string{}
	for _, u := range d.Users {
		ours["user "+u.Name] = fmt.Sprint(u.UID, ":", u.GID, ":", strings.TrimRight(u.Comment, ","), ":", u.Home, ":", u.Shell)
	}
	for _, g := range d.Groups {
		ours["group "+g.Name] = fmt.Sprint(g.GID, ":", normal(strings.Join(g.Members, " ")))
	}
	for _, line := range lines(s.tool("getent", "-s", "files", "passwd")) {
		if f := strings.Split(line, ":"); len(f) == 7 {
			theirs["user "+f[0]] = fmt.Sprint(f[2], ":", f[3], ":", strings.TrimRight(f[4], ","), ":", f[5], ":", f[6])
		}
	}
	for _, line := range lines(s.tool("getent", "-s", "files", "group")) {
		if f := strings.Split(line, ":"); len(f) == 4 {
			theirs["group "+f[0]] = fmt.Sprint(f[2], ":", normal(f[3]))
		}
	}
	s.alike("users", "", ours, theirs)
}

type packagesDoc struct {
	Packages []struct {
		Name, Version, Arch, Manager, Source string
		SourceVersion                        string `json:"source_version"`
	}
}

// debs are a document's packages of a manager, as dpkg-query can print them.
func (d packagesDoc) list(manager string) map[string]string {
	m := map[string]string{}
	for _, p := range d.Packages {
		if p.Manager == manager {
			m[p.Name+":"+p.Arch] = strings.TrimSpace(fmt.Sprint(p.Version, " of ", or(p.Source, p.Name), " ", or(p.SourceVersion, p.Version)))
		}
	}
	return m
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// dpkgFormat prints what list says.
const dpkgFormat = `${db:Status-Abbrev} ${Package}:${Architecture}\t${Version} of ${source:Package} ${source:Version}\n`

func installed(out []byte) map[string]string {
	m := map[string]string{}
	for _, line := range lines(out) {
		state, rest, _ := strings.Cut(line, " ")
		name, value, ok := strings.Cut(strings.TrimSpace(rest), "\t")
		if ok && state == "ii" {
			m[name] = value
		}
	}
	return m
}

func (s *subject) packages() {
	d := document1[packagesDoc](s, "packages")
	s.alike("packages deb", "", d.list("deb"), installed(s.tool("dpkg-query", "-W", "-f", dpkgFormat)))
	type module struct {
		Dependencies map[string]struct{ Version string }
	}
	ours, theirs := map[string]string{}, map[string]string{}
	for _, p := range d.Packages {
		if p.Manager == "npm" {
			ours[p.Name] = p.Version
		}
	}
	out := s.tool("sh", "-c", "for p in /usr /usr/local; do npm ls -g --depth=0 --json --prefix $p 2>/dev/null || true; done | cat")
	dec := strings.NewReader(string(out))
	for _, m := range documents[module](s.t, dec) {
		for name, v := range m.Dependencies {
			theirs[name] = v.Version
		}
	}
	s.alike("packages npm", "", ours, theirs)
}

func (s *subject) files() {
	type sums struct{ Files map[string]string }
	ours := document1[sums](s, "checksums").Files
	theirs := map[string]string{}
	for name := range ours {
		theirs[name] = strings.Fields(string(s.tool("sha256sum", name)))[0]
	}
	s.alike("checksums", "", ours, theirs)
	type attrs struct {
		Files map[string]struct {
			Owner, Group, Mode, Type, ACL string
			Default                       string `json:"default_acl"`
		}
	}
	had, has := map[string]string{}, map[string]string{}
	lists, files := map[string]string{}, document1[attrs](s, "fileattrs").Files
	for name, a := range files {
		if a.ACL+a.Default != "" {
			lists[name] = strings.Trim(a.ACL+","+a.Default, ",")
		}
		had[name] = strings.TrimPrefix(a.Mode, "0") + " " + a.Owner + " " + a.Group
		f := strings.Fields(string(s.tool("stat", "-L", "-c", "%a %U %G", name)))
		has[name] = strings.Join(f, " ")
	}
	s.alike("fileattrs", "", had, has)
	if s.dir == "" { // other roots have no getfacl
		s.alike("fileattrs access lists", "", lists, s.accessLists(slices.Sorted(maps.Keys(files))))
	}
}

// accessLists are those that getfacl finds beyond the mode, first for the file,
// then for what is made in it.
func (s *subject) accessLists(names []string) map[string]string {
	lists := map[string]string{}
	for block := range strings.SplitSeq(string(s.tool(append([]string{"getfacl", "-spE", "--"}, names...)...)), "\n\n") {
		var name string
		var entries, defaults []string
		for _, l := range lines([]byte(block)) {
			if file, ok := strings.CutPrefix(l, "# file: "); ok {
				name = file
			} else if entry, ok := strings.CutPrefix(l, "default:"); ok {
				defaults = append(defaults, entry)
			} else if l != "" && l[0] != '#' {
				entries = append(entries, l)
			}
		}
		const base = 3 // owner, group, others: the mode
		if len(entries) <= base {
			entries = nil
		}
		if name != "" {
			lists[name] = strings.Join(append(entries, defaults...), ",")
		}
	}
	return lists
}

func (s *subject) programs() {
	type commands struct{ Directories map[string][]string }
	for dir, names := range document1[commands](s, "commands").Directories {
		out := s.tool("sh", "-c", "find -L "+dir+` -maxdepth 1 -type f -perm /111 -printf '%f\n' 2>/dev/null || true`)
		s.sets("commands", dir+"/", names, lines(out))
	}
	if s.dir != "" {
		return // see unitFiles
	}
	type units struct {
		Units []struct {
			Name   string
			Levels []string
		}
	}
	ours, theirs := map[string]string{}, map[string]string{}
	for _, u := range document1[units](s, "units").Units {
		ours[u.Name] = strings.Join(u.Levels, "")
	}
	for _, name := range lines(s.tool("sh", "-c", "find /etc/init.d -type f -perm /111 -printf '%f\\n'")) {
		theirs[name] = strings.TrimSpace(string(s.tool("sh", "-c", `for l in 0 1 2 3 4 5 6 S; do ls /etc/rc$l.d/S[0-9][0-9]`+name+` >/dev/null 2>&1 && printf %s $l; done; true`)))
	}
	s.alike("units", "", ours, theirs)
}

// config compares files with awk's reading of them.
func (s *subject) config() {
	type loginDefs struct{ Settings map[string]any }
	ours, theirs := map[string]string{}, map[string]string{}
	for name, v := range document1[loginDefs](s, "login_defs").Settings {
		ours[name] = flat(v)
	}
	for _, line := range lines(s.tool("awk", "!/^[ \t]*(#|$)/", "/etc/login.defs")) {
		name, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		theirs[name] = strings.TrimSpace(value)
	}
	s.alike("login_defs", "", ours, theirs)
	type nsswitch struct {
		Databases map[string][]struct{ Source string }
	}
	had, has := map[string]string{}, map[string]string{}
	for name, list := range document1[nsswitch](s, "nsswitch").Databases {
		for _, x := range list {
			had[name] = strings.TrimSpace(had[name] + " " + x.Source)
		}
	}
	for _, line := range lines(s.tool("awk", "!/^[ \t]*(#|$)/", "/etc/nsswitch.conf")) {
		name, value, _ := strings.Cut(line, ":")
		has[name] = strings.Join(strings.Fields(value), " ")
	}
	s.alike("nsswitch", "", had, has)
	if s.dir != "" {
		return // the file is this machine's
	}
	type resolv struct{ Nameservers []string }
	s.sets("resolv", "name server ", document1[resolv](s, "resolv").Nameservers, lines(s.tool("awk", "$1 == \"nameserver\" {print $2}", "/etc/resolv.conf")))
}

// running compares the processes of both kinds of sockets with ps.
func (s *subject) running() {
	type processes struct {
		Processes []struct {
			Name, Exe, User, Cwd string
			Args                 []string
		}
	}
	for _, typ := range []string{"listeners", "connections"} {
		for _, p := range document1[processes](s, typ).Processes {
			if p.Exe == "" {
				continue
			}
			out := s.tool("sh", "-c", `for d in /proc/[0-9]*; do if [ "$(readlink $d/exe)" = "`+p.Exe+`" ]; then ps -o user= -p ${d#/proc/}; readlink $d/cwd; break; fi; done`)
			user, cwd, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
			s.same("processes", p.Name+" user ("+typ+")", p.User, strings.TrimSpace(user))
			s.same("processes", p.Name+" working directory ("+typ+")", or(p.Cwd, "/"), cwd)
		}
	}
}
