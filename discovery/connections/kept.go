package connections

import (
	"encoding/json"
	"errors"
	"fmt"

	"assim/discovery"
	"assim/discovery/proc"
)

// keepEvery is how often the memory is kept when no pair came or went, so that
// the times at which pairs were seen are not much older than they are. In
// hundredths of a second of uptime.
const keepEvery = 60 * 60 * 100

// kept is the memory as it is kept for the next run of the nanoprobe. A clock
// that a boot sets back to zero dates nothing, so that ages are kept.
type kept struct {
	Processes []*proc.Process `json:"processes"`
	Pairs     []keptPair      `json:"pairs"`
	Forwards  []keptForward   `json:"forwards,omitempty"`
}

type keptPair struct {
	Connection
	Unseen uint64 `json:"unseen"` // for how long, hundredths of a second
}

type keptForward struct {
	Forward
	Unseen uint64 `json:"unseen"`
}

// save writes the memory down.
func (m *memory) save(now uint64) ([]byte, error) {
	var k kept
	var used []*proc.Process
	for _, c := range m.sorted() {
		p := m.pairs[c]
		k.Pairs = append(k.Pairs, keptPair{c, age(now, p.seen)})
		used = append(used, p.process)
	}
	for _, f := range m.forwarded() {
		k.Forwards = append(k.Forwards, keptForward{f, age(now, m.forwards[f])})
	}
	k.Processes = proc.Used(used)
	return json.Marshal(&k)
}

// age is for how long something was unseen.
func age(now uint64, seen int64) uint64 { return uint64(max(int64(now)-seen, 0)) }

// load takes in what a run before kept. What does not parse is as if it were not
// there: all of it is seen again in time.
func (m *memory) load(data []byte, now uint64) error {
	k, processes, err := proc.Parse("connections", data, func(k *kept) []*proc.Process { return k.Processes })
	if err != nil {
		return err
	}
	for _, p := range k.Pairs {
		process := processes[p.Process]
		if process == nil || !p.Valid() || len(m.pairs) >= maxRemembered {
			return errors.New("connections: what was kept is not complete")
		}
		if p.Unseen <= forgetAfter {
			m.pairs[p.Connection] = &pair{process, int64(now) - int64(p.Unseen)}
		}
	}
	for _, f := range k.Forwards {
		if !f.Called.Valid() || !f.Server.Valid() || len(m.forwards) >= maxForwards {
			return fmt.Errorf("connections: what was kept holds a forward to port %d that is none", f.Server.Port)
		}
		if f.Unseen <= forgetAfter {
			m.forwards[f.Forward] = int64(now) - int64(f.Unseen)
		}
	}
	return nil
}

// keep keeps the memory when pairs came or went, or it has not been for long.
func (m *memory) keep(k discovery.Keeper, now uint64) {
	same := len(m.pairs) == len(m.last)
	for c := range m.pairs {
		same = same && m.last[c]
	}
	if same && now < m.kept+keepEvery {
		return
	}
	data, err := m.save(now)
	if err != nil || k.Keep("connections", data) != nil {
		return // the next look tries again; without it the next run begins anew
	}
	m.kept, m.last = now, map[Connection]bool{}
	for c := range m.pairs {
		m.last[c] = true
	}
}
