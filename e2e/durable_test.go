package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"assim/e2e/lab"
)

// permit makes a join string on the CMA; no error means that the CMA has said
// that it is kept.
func (w *world) permit(ctx context.Context, note string) error {
	_, err := w.Assim(ctx, "join-token", "create", "-for", "1h", "-note", note)
	return err
}

// kept checks that the CMA has all that it acknowledged.
func (w *world) kept(notes []string) {
	w.t.Helper()
	out, err := w.Assim(within(w.t, patience), "join-token", "list")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, note := range notes {
		if !strings.Contains(string(out), note) {
			w.t.Errorf("%s was acknowledged and is lost", note)
		}
	}
}

// redisPorts are the ports at which the graph knows a redis of a system.
func redisPorts(system string) string {
	return fmt.Sprintf(`MATCH (s:System {name: '%s'})-[:RUNS]->(p:Process {name: 'redis-server'})-[:LISTENS_ON]->(e:Endpoint) RETURN DISTINCT e.port`, system)
}

// exitStatus is that of a command which was run to its end.
func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// disk is a small one, on which the CMA has all its data.
type disk struct {
	w    *world
	data string
}

// onSmallDisk starts an installation whose CMA has a small disk, and makes a
// join string named "before". The graph of two systems is far smaller than the
// disk.
func onSmallDisk(t *testing.T) (*world, disk) {
	t.Helper()
	var data string
	w := buildOn(t, alone, func(l *lab.Lab) error {
		data = l.DataDir("cma", "cma")
		_, err := l.Run(within(t, patience), "cma", "sh", "-c", "mkdir -p -m 700 "+data+" && mount -t tmpfs -o mode=700,size=64m tmpfs "+data)
		return err
	})
	if err := w.StartProbes(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.allUp()
	if err := w.permit(within(t, patience), "before"); err != nil {
		t.Fatal(err)
	}
	return w, disk{w, data}
}

// fill is somebody else who writes the disk full to its last byte.
func (d disk) fill() {
	d.w.t.Helper()
	file := filepath.Join(d.data, "filler")
	if _, err := d.w.Lab.Run(within(d.w.t, patience), "cma", "sh", "-c", "cat /dev/zero >"+file+" 2>/dev/null; test -s "+file); err != nil {
		d.w.t.Fatal(err)
	}
}

func (d disk) makeRoom() {
	d.w.t.Helper()
	if _, err := d.w.Lab.Run(within(d.w.t, patience), "cma", "rm", filepath.Join(d.data, "filler")); err != nil {
		d.w.t.Fatal(err)
	}
}

func TestAFullDiskLosesNothingAcknowledgedAndIsSaid(t *testing.T) {
	t.Parallel()
	w, disk := onSmallDisk(t)
	acknowledged := []string{"before"}
	if _, err := w.Redis("h01", 6379); err != nil {
		t.Fatal(err)
	}
	w.wants("the first redis is in the graph", redisPorts("h01"), [][]any{{float64(6379)}})

	disk.fill()
	if _, err := w.Redis("h01", 6380); err != nil {
		t.Fatal(err)
	}
	w.until("the CMA says that its disk is full", func() error {
		out, err := w.Assim(within(t, patience), "status")
		if status := exitStatus(err); status != 4 || !strings.Contains(string(out), "no space") {
			return fmt.Errorf("exit status %d: %s", status, out)
		}
		return nil
	})
	for i := range 3 {
		note := fmt.Sprintf("full-%d", i)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		if w.permit(ctx, note) == nil {
			acknowledged = append(acknowledged, note)
		}
		cancel()
	}
	// What was known is still answered.
	if rows, err := w.ask(redisPorts("h01")); err != nil || len(rows) == 0 {
		t.Errorf("on the full disk: %v, %v", rows, err)
	}
	if !w.Installation.CMA.Running() {
		t.Fatal("the CMA has ended")
	}

	disk.makeRoom()
	w.wants("the second redis is in the graph once there is room", redisPorts("h01"), [][]any{{float64(6379)}, {float64(6380)}})
	if err := w.permit(within(t, patience), "after"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	w.kept(append(acknowledged, "after"))
	w.allUp()
}

func TestACMAKilledOnAFullDiskComesBackWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	w, disk := onSmallDisk(t)
	disk.fill()
	if err := w.Installation.CMA.Restart(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// It serves what it has, or says why it cannot: a full disk is not damage.
	w.until("the CMA answers or says why not", func() error {
		p := w.Installation.CMA
		if !p.Running() {
			if words := p.Tail(3); !strings.Contains(words, "full") && !strings.Contains(words, "space") {
				return fmt.Errorf("%w: it ended with %s", lab.ErrHopeless, words)
			}
			return nil
		}
		if _, err := w.Assim(within(t, patience), "status"); exitStatus(err) != 0 && exitStatus(err) != 4 {
			return err
		}
		return nil
	})
	disk.makeRoom()
	if !w.Installation.CMA.Running() {
		if err := w.Installation.CMA.Restart(0); err != nil {
			t.Fatal(err)
		}
	}
	w.until("the CMA works", func() error { return w.permit(within(t, patience), "after") })
	w.kept([]string{"before", "after"})
	w.allUp()
}

func TestACMAKilledInABurstOfChangesHasAllItAcknowledged(t *testing.T) {
	t.Parallel()
	w := start(t, rack)
	const (
		kills    = 3
		services = 4 // per system and round
		people   = 3 // that make join strings all the time
	)
	var mu sync.Mutex
	var acknowledged []string
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	for who := range people {
		crowd.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				note := fmt.Sprintf("burst-%d-%d-", who, i)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				if w.permit(ctx, note) == nil {
					mu.Lock()
					acknowledged = append(acknowledged, note)
					mu.Unlock()
				}
				cancel()
			}
		})
	}
	finish := sync.OnceFunc(func() { close(stop); crowd.Wait() })
	defer finish()
	var want [][]any
	for round := range kills {
		for i := range services {
			port := 7000 + round*services + i
			for _, system := range []string{"h01", "h02"} {
				if _, err := w.Redis(system, port); err != nil {
					t.Fatal(err)
				}
			}
			want = append(want, []any{float64(port)})
		}
		if err := w.Installation.CMA.Restart(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := w.WaitCMA(within(t, patience)); err != nil {
			t.Fatal(err)
		}
	}
	finish()
	if len(acknowledged) < kills {
		t.Fatalf("only %d join strings were made: that was no burst", len(acknowledged))
	}
	w.kept(acknowledged)
	w.wants("the graph is h01's", redisPorts("h01"), want)
	w.wants("the graph is h02's", redisPorts("h02"), want)
	w.allUp()
	t.Logf("%d acknowledged join strings and %d listeners were there after %d kills", len(acknowledged), 2*len(want), kills)
}
