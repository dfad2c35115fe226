package attack

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assim/netio"
	"assim/trust"
	"assim/wire"
)

// A nanoprobe without a join string believed the first CMA that it met, and that
// was ours. We know its keys and may say anything; what we cannot say is: run
// this. All kinds of signal, with commands for bodies, orders that name programs
// for discovery types: nothing of it is run, and it lives on.
func TestARogueCMARunsNothing(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("a rogue CMA is not tried: nanoprobes are started as root")
	}
	if _, err := build(); err != nil {
		t.Fatal(err)
	}
	x := newImpostor(t)
	p := (&server{t: t}).startProbe("-run", t.TempDir(), "-zero-configuration", "-cma", x.at.String(), "-scripts", t.TempDir())
	id := p.id()
	if !p.identity().Weak {
		t.Fatal("it thinks that it knows its CMA")
	}
	key, ok := x.keys.NodeKey(id, x.keys.Epoch())
	if !ok {
		t.Fatal("no key")
	}
	sealer := wire.NewSealer(key)
	var announce wire.Signal
	var from netio.Packet
	for end := time.Now().Add(patience); announce.Kind != wire.KindAnnounce; {
		if time.Now().After(end) {
			t.Fatal("it does not announce itself")
		}
		if from = x.signal(100 * time.Millisecond); from.Data != nil {
			announce, _ = wire.OpenSignal(from.Data, sealer, false)
		}
	}
	say := func(m wire.Signal) {
		e := wire.Envelope{FromCMA: true, Epoch: x.keys.Epoch(), ID: id, Nonce: trust.Nonce()}
		_ = x.udp.Write(netio.Packet{Data: wire.AppendSignal(nil, sealer, e, &m), Peer: from.Peer})
	}
	marker := filepath.Join(t.TempDir(), "was here")
	commands := []string{"touch '" + marker + "'", "/bin/sh -c \"touch '" + marker + "'\"", "../../../bin/touch " + marker, "$(touch '" + marker + "')", "`touch '" + marker + "'`"}
	cookie := uint64(7)
	for kind := range 256 {
		for _, c := range commands {
			for _, seq := range []uint32{0, announce.Seq} {
				say(wire.Signal{Session: announce.Session, Seq: seq, Cookie: cookie, Kind: wire.SignalKind(kind), Flags: uint8(kind), Body: []byte(c)})
				say(wire.Signal{Session: announce.Session, Seq: seq, Cookie: cookie, Kind: wire.SignalKind(kind), Body: append([]byte{byte(len(c))}, c...)})
			}
		}
		<-time.After(2 * time.Millisecond) // It is to hear all of them.
	}
	order := func(gen int) {
		c := commands[gen]
		d := wire.Desired{Timing: wire.FastTiming, Schedule: []wire.Schedule{{Type: c, Every: time.Second}, {Type: "os;" + c, Every: time.Second}}}
		part := wire.DesiredPart{Gen: uint32(gen + 1), Parts: 1, Data: wire.AppendDesired(nil, &d)}
		// As a CMA does: its announce is acknowledged, and the order follows.
		say(wire.Signal{Session: announce.Session, Seq: announce.Seq, AckThrough: announce.Seq, Cookie: cookie, Kind: wire.KindAck})
		say(wire.Signal{Session: announce.Session, Cookie: cookie, Kind: wire.KindDesired, Body: wire.AppendDesiredPart(nil, &part)})
	}
	// It still speaks, with the last of our orders applied: it heard all of it.
	var applied uint32
	for end := time.Now().Add(patience); applied != uint32(len(commands)) && time.Now().Before(end); {
		order(int(applied))
		if q := x.signal(100 * time.Millisecond); q.Data != nil {
			if m, err := wire.OpenSignal(q.Data, sealer, false); err == nil {
				applied, announce.Session = m.Applied, m.Session
				announce.Seq = max(announce.Seq, m.Seq)
			}
		}
	}
	if applied != uint32(len(commands)) {
		t.Errorf("it runs generation %d of %d: nothing is shown", applied, len(commands))
	}
	<-time.After(2 * time.Second) // for the schedules that we asked for
	if _, err := os.Stat(marker); err == nil {
		t.Error("it ran what a stranger told it")
	}
}

// What the agent runs is written in its source: programs by name, in one place,
// and the scripts that its own administrator put into a directory.
func TestWhatTheAgentRunsIsWrittenInItsSource(t *testing.T) {
	deps, err := os.Open("../../cmd/nanoprobe/deps.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer deps.Close()
	ran := 0
	for lines := bufio.NewScanner(deps); lines.Scan(); {
		dir, ours := strings.CutPrefix(lines.Text(), "assim/")
		if !ours {
			continue
		}
		files, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range source.Imports {
				if i.Path.Value == `"os/exec"` && file != "../../host/run.go" {
					t.Errorf("%s runs programs; that is for host/run.go alone", file)
				}
			}
			ast.Inspect(source, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				f, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				switch f.Sel.Name {
				case "Run":
					if len(call.Args) < 2 {
						break
					}
					if name, ok := call.Args[1].(*ast.BasicLit); ok && name.Kind == token.STRING {
						ran++
					} else if _, function := call.Args[1].(*ast.FuncLit); !function {
						t.Errorf("%s: what is run there has no constant name", file)
					}
				case "Execute":
					if file != "../../host/run.go" && file != "../../discovery/script/script.go" {
						t.Errorf("%s runs a program by a name that is worked out", file)
					}
				case "Exec", "ForkExec", "StartProcess":
					t.Errorf("%s: %s", file, f.Sel.Name)
				}
				return true
			})
		}
	}
	if ran == 0 {
		t.Error("nothing is run at all: nothing is shown")
	}
}
