package connections

import (
	"assim/discovery/proc"
)

// crowd is a process that was one before this nanoprobe ran. Which public
// addresses it called is not told, so that they cannot be counted.
type crowd struct {
	process *proc.Process
	known   int64 // uptime
}

// resume goes on from what the nanoprobe before this one said last. When it saw
// each pair is not told, for that would be news every minute: each counts as seen
// now, and leaves a day later. What does not parse is as if it were not there:
// all of it is seen again in time. What is seen already is not touched.
func (m *memory) resume(doc []byte, now uint64) {
	p, processes, err := proc.Parse("connections", doc, func(p *Payload) []*proc.Process { return p.Processes })
	if err != nil {
		return
	}
	for _, c := range p.Connections {
		process := processes[c.Process]
		if process != nil && c.Valid() && m.pairs[c] == nil && len(m.pairs) < maxRemembered {
			m.pairs[c] = &pair{process, int64(now)}
		}
	}
	for _, f := range p.Forwards {
		if _, known := m.forwards[f]; !known && f.Called.Valid() && f.Server.Valid() && len(m.forwards) < maxForwards {
			m.forwards[f] = int64(now)
		}
	}
	m.crowded = map[string]crowd{}
	for _, id := range p.Crowds {
		if process := processes[id]; process != nil {
			m.crowded[id] = crowd{process, int64(now)}
		}
	}
}
