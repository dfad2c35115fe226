// Package processes discovers the services of this system: processes that
// listen, the top process of every unit and container, and daemons that run on
// their own. What comes and goes (shells, cron jobs, workers) is left out.
//
//	(System)-[:RUNS]->(Process {name, exe, args, user, unit, container, started, package})
package processes

import (
	"context"
	"slices"
	"time"

	"assim/discovery"
	"assim/discovery/proc"
	"assim/graph"
)

// Type is the discovery type "processes".
var Type = discovery.Type{
	Name:  "processes",
	Short: "services: what listens, what a unit or container runs, what was left to run on its own",
	Every: time.Minute,
	On:    []discovery.Trigger{discovery.Changed("listeners"), discovery.Changed("units")},
	Needs: []string{"CAP_SYS_PTRACE: executables and working directories of other users are not seen"},
	Make:  collector,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"/proc/PID/{stat,cmdline,exe,cwd,status,cgroup,ns}", "/proc/{uptime,stat}", "/etc/passwd", "/var/lib/dpkg/info/*.list", "/var/lib/pacman/local/*/files", "/lib/apk/db/installed", "rpm -qf, where there is a database of rpm's"},
		Keys: []discovery.Field{
			{Key: "processes[]", Meaning: "as in listeners, and:"},
			{Key: "processes[].started", Meaning: "when the oldest process of it started, RFC 3339, to the second"},
			{Key: "processes[].package", Meaning: "package that owns the executable (deb, rpm, apk, pacman)"},
		},
		Graph: "(System)-[:RUNS]->(Process)",
	},
}

// Payload is the document.
type Payload struct {
	Processes []Service `json:"processes"`
}

// Service is a process with what only this type says of it.
type Service struct {
	proc.Process
	Started string `json:"started,omitempty"`
	Package string `json:"package,omitempty"`
}

// maxServices bounds a document.
const maxServices = 4096

func collector() func(context.Context, discovery.Host) (any, error) {
	starts := map[started]int64{}
	owners, reader := &owners{}, proc.Reader{}
	return func(ctx context.Context, h discovery.Host) (any, error) {
		snap, err := reader.ReadAll(ctx, h)
		if err != nil {
			return nil, err
		}
		listens := map[*proc.Process]bool{}
		for _, l := range snap.Listen {
			listens[l.Process] = true
		}
		boot := proc.BootTime(h.Root())
		next := map[started]int64{}
		doc := &Payload{Processes: []Service{}}
		owners.refresh(ctx, h, slices.DeleteFunc(slices.Clone(snap.Processes), func(p *proc.Process) bool { return !listens[p] && !snap.Service[p] }))
		for _, p := range snap.Processes {
			ticks, known := snap.Started[p]
			if !known || len(doc.Processes) == maxServices || !listens[p] && !snap.Service[p] {
				continue
			}
			s := Service{Process: *p, Package: owners.of(p)}
			if boot > 0 {
				key := started{p.ID, ticks}
				next[key] = settle(starts[key], boot+int64(ticks/100))
				s.Started = time.Unix(next[key], 0).UTC().Format(time.RFC3339)
			}
			doc.Processes = append(doc.Processes, s)
		}
		starts = next
		return doc, nil
	}
}

// started names one start of one process.
type started struct {
	id    string
	ticks uint64
}

// settle keeps the start time that was told before while the new one is the
// same up to the steps of a clock that is being disciplined: /proc/stat's boot
// time moves with it.
func settle(before, now int64) int64 {
	const step = 5 // seconds
	if before != 0 && now-before <= step && before-now <= step {
		return before
	}
	return now
}

// Graph turns a document into the processes a system runs.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p, _, err := proc.Parse("processes", doc, func(p *Payload) []*proc.Process {
		list := make([]*proc.Process, len(p.Processes))
		for i := range p.Processes {
			list[i] = &p.Processes[i].Process
		}
		return list
	})
	if err != nil {
		return graph.Change{}, err
	}
	var c graph.Change
	seen := map[graph.Key]bool{}
	for _, s := range p.Processes {
		node, rels := s.Piece(system)
		if seen[node.Key] {
			continue
		}
		seen[node.Key] = true
		for name, value := range graph.P("started", s.Started, "package", s.Package) {
			node.Props[name] = value
		}
		c.Nodes, c.Rels = append(c.Nodes, node), append(c.Rels, rels...)
	}
	return c, nil
}
