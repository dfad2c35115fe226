package proc

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"
)

// instance is one program with the workers it forked: what becomes a Process.
type instance struct {
	leader  *entry // the topmost ancestor of the same program
	ports   []port // where it listens, lowest first
	service bool   // see look.isService
	process *Process
}

type port struct {
	proto  string
	number uint16
}

// maxAncestors bounds the walk to the leader; /proc read while processes come
// and go could otherwise show a circle.
const maxAncestors = 64

// leader walks up from e while the parent is the same program: an nginx worker
// leads to the nginx master, an sshd session to the listening sshd.
func (t *table) leader(e *entry) *entry {
	for range maxAncestors {
		parent := t.get(e.ppid)
		// A number may have been given to another since.
		if parent == nil || parent.start > e.start || !sameProgram(e, parent) {
			return e
		}
		e = parent
	}
	return e
}

func sameProgram(child, parent *entry) bool {
	switch {
	case child.netns != parent.netns || child.place.container != parent.place.container:
		return false
	case child.exe == "" || parent.exe == "":
		return child.exe == parent.exe && child.comm == parent.comm && !child.kernel
	case child.exe != parent.exe:
		return false
	case interprets(base(child.exe)):
		// The same interpreter is the same program only when it runs the same thing.
		return slices.Equal(child.args, parent.args)
	}
	return true
}

// interpreters are executables whose arguments say what program they are.
var interpreters = []string{
	"python", "perl", "ruby", "node", "nodejs", "java", "bash", "sh", "dash", "zsh", "ksh", "php",
	"lua", "tclsh", "busybox", "beam.smp", "mono", "dotnet", "pwsh", "guile", "awk", "gawk", "mawk",
}

// interprets says whether exe is an interpreter, with or without a version
// behind its name: python3.11, ruby2.7, php8.2.
func interprets(exe string) bool {
	return slices.Contains(interpreters, strings.TrimRight(exe, "0123456789.-")) || slices.Contains(interpreters, exe)
}

// name is what people call the program. The executable's name is not always
// it: Debian's redis-server runs as /usr/bin/redis-check-rdb, and a script runs
// as its interpreter.
func (e *entry) name() string {
	exe, first := base(e.exe), ""
	if len(e.args) > 0 {
		// A title like "nginx: master process" begins with the name.
		first = base(strings.TrimSuffix(firstWord(e.args[0]), ":"))
	}
	switch {
	case exe == "" && e.comm == "":
		return first
	case exe == "":
		return e.comm
	case interprets(exe):
		return e.scriptName(exe, first)
	case strings.HasPrefix(exe, e.comm), first == exe:
		return exe
	case e.comm == "":
		return exe
	case first != "" && strings.HasPrefix(first, e.comm):
		return first // the kernel cuts comm at 15 bytes
	}
	return e.comm
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// flagsWithValue take the next argument, so that is not the script.
var flagsWithValue = map[string]bool{
	"-W": true, "-X": true, "-I": true, "-cp": true, "-classpath": true, "-r": true, "--require": true, "-e": true, "-c": true,
	"--add-opens": true, "--add-exports": true, "--add-reads": true, "--add-modules": true, "--module-path": true, "--class-path": true,
}

// scriptName says what an interpreter runs: python3 /opt/app/server.py is
// server.py, python3 -m http.server is http.server, java -jar app.jar is app.jar.
func (e *entry) scriptName(exe, first string) string {
	// Started by "#!", the kernel names the process after the script.
	generic := e.comm == "" || strings.HasPrefix(exe, e.comm) || e.comm == first || strings.HasPrefix(e.comm, "MainThread") ||
		interprets(e.comm) || exe == "beam.smp"
	if !generic {
		return e.comm
	}
	for i := 1; i < len(e.args); i++ {
		a := e.args[i]
		switch {
		case (a == "-m" || a == "-jar" || a == "--module") && i+1 < len(e.args):
			return path.Base(e.args[i+1])
		case a == "-c" || a == "-e":
			return exe // a program written on the command line has no name
		case flagsWithValue[a]:
			i++
		case a == "" || strings.HasPrefix(a, "-") || strings.HasPrefix(a, "+"):
		case strings.HasPrefix(a, "/dev/fd/") || strings.HasPrefix(a, "/proc/self/fd/"):
			return exe // handed over without a name
		default:
			return path.Base(a)
		}
	}
	return exe
}

// process describes the instance that e leads. Its ID is filled in by identify, which needs
// to see them all.
func (t *table) process(e *entry) *Process {
	return &Process{
		Name: e.name(), Exe: e.exe, Args: Mask(e.args), Cwd: e.cwd,
		User: t.user(e), Unit: e.place.unit, Container: e.place.container,
	}
}

// identify gives every instance its ID:
//
//	<name>/<owner>            what runs below a unit or a container, and what a person started
//	<name>/<owner>:tcp80      what listens: with its lowest fixed port
//	<name>/<owner>~1f2e3d4c   a daemon of neither kind: with a hash of its arguments
//
// The owner is the container, the unit or the user. Two instances that listen
// on the same port (on different addresses) are told apart by their arguments.
func identify(instances []*instance, initPID func(*entry) bool) {
	byID := map[string][]*instance{}
	for _, in := range instances {
		in.process.ID = in.process.Name + "/" + owner(in.process) + in.distinction(initPID)
		byID[in.process.ID] = append(byID[in.process.ID], in)
	}
	for _, same := range byID {
		if len(same) > 1 && len(same[0].ports) > 0 && !sameArgs(same) {
			for _, in := range same {
				in.process.ID += "~" + in.process.argsHash()
			}
		}
	}
}

func owner(p *Process) string {
	switch {
	case p.Container != "" && p.Unit != "":
		return p.Container + "," + p.Unit
	case p.Container != "":
		return p.Container
	case p.Unit != "":
		return p.Unit
	}
	return p.User
}

func (in *instance) distinction(initPID func(*entry) bool) string {
	switch {
	case len(in.ports) > 0:
		return ":" + in.ports[0].proto + strconv.Itoa(int(in.ports[0].number))
	case in.process.Unit == "" && in.process.Container == "" && in.leader.tty == 0 && initPID(in.leader):
		return "~" + in.process.argsHash()
	}
	return ""
}

func sameArgs(list []*instance) bool {
	for _, in := range list[1:] {
		if !slices.Equal(in.process.Args, list[0].process.Args) {
			return false
		}
	}
	return true
}

// argsHash tells command lines apart in eight digits. It is taken after the
// secrets are masked: a hash of a short secret would give it away.
func (p *Process) argsHash() string {
	sum := sha256.Sum256([]byte(p.Exe + "\x00" + strings.Join(p.Args, "\x00")))
	return hex.EncodeToString(sum[:4])
}
