package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assim/api"
)

// told runs the operator's command on the CMA's host, which must succeed.
func (w *world) told(args ...string) string {
	w.t.Helper()
	out, err := w.Assim(within(w.t, patience), args...)
	if err != nil {
		w.t.Fatalf("assim %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestTheStoreIsComparedBackedUpCheckedReindexedAndRestoredByCommand(t *testing.T) {
	t.Parallel()
	w := start(t, alone)
	ctx := within(t, patience)
	w.calm()
	before := time.Now().UTC().Format(time.RFC3339Nano)

	// What is changed on a system, and only that of its interface, comes back from diff.
	if out, err := w.Run(ctx, "h01", "ip", "link", "set", "eth0", "mtu", "1400"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.until("diff tells the new MTU", func() error {
		var d api.Diff
		if err := json.Unmarshal([]byte(w.told("diff", "h01", "-from", before, "-json")), &d); err != nil {
			return err
		}
		for _, s := range d.Systems {
			for _, typ := range s.Types {
				for _, item := range typ.Items {
					for _, f := range item.Fields {
						if s.Name == "h01" && typ.Type == "NIC" && item.Kind == "changed" && f.Name == "mtu" &&
							fmt.Sprint(f.Old) == "1500" && fmt.Sprint(f.New) == "1400" {
							return nil
						}
					}
				}
			}
		}
		return fmt.Errorf("it tells %+v", d)
	})
	if text := w.told("diff", "h01", "-from", before); !strings.Contains(text, "mtu: 1500 → 1400") {
		t.Errorf("for people:\n%s", text)
	}
	if text := w.told("systems", "-at", before, "-json"); !strings.Contains(text, "h01") {
		t.Errorf("the systems then: %s", text)
	}

	if text := w.told("check"); !strings.HasPrefix(text, "sound: ") {
		t.Errorf("check: %s", text)
	}
	w.until("the same plugins make the same graph", func() error { // unless there was news meanwhile
		var r api.Reindexed
		if err := json.Unmarshal([]byte(w.told("reindex", "-json")), &r); err != nil {
			return err
		}
		if r.Before != r.After || r.Documents == 0 || r.Failed > 0 {
			return fmt.Errorf("it says %+v", r)
		}
		return nil
	})

	var b api.Backup
	if err := json.Unmarshal([]byte(w.told("backup", "nightly.db", "-json")), &b); err != nil {
		t.Fatal(err)
	}
	if out, err := w.Assim(ctx, "backup", "../nightly.db"); err == nil {
		t.Errorf("a backup was written outside of its directory: %s", out)
	}
	if text := w.told("check", "-store", b.Path); !strings.HasPrefix(text, "sound: ") {
		t.Errorf("check of the backup: %s", text)
	}

	// A store in use is left alone; a restored and a copied one are the same graph.
	dir := filepath.Dir(filepath.Dir(b.Path))
	live, restored, copied, rebuilt := filepath.Join(dir, "graph.db"), filepath.Join(dir, "r.db"), filepath.Join(dir, "c.db"), filepath.Join(dir, "n.db")
	if out, err := w.Assim(ctx, "check", "-store", live); err == nil || !strings.Contains(string(out)+err.Error(), "in use") {
		t.Errorf("the store in use was opened: %v, %s", err, out)
	}
	if out, err := w.Assim(ctx, "restore", b.Path, "-store", live); err == nil {
		t.Errorf("the store in use was written over: %s", out)
	}
	w.told("restore", b.Path, "-store", restored)
	var c struct {
		From string `json:"hash_from"`
		To   string `json:"hash_to"`
	}
	if err := json.Unmarshal([]byte(w.told("store", "copy", restored, copied, "-json")), &c); err != nil || c.From != c.To || c.To == "" {
		t.Errorf("copied: %+v, %v", c, err)
	}
	var n struct {
		Before string `json:"hash_before"`
		After  string `json:"hash_after"`
	}
	if err := json.Unmarshal([]byte(w.told("reindex", "-store", restored, "-into", rebuilt, "-json")), &n); err != nil || n.Before != c.To || n.After != c.To {
		t.Errorf("rebuilt into an empty store: %+v, %v; the backup's graph is %s", n, err, c.To)
	}
}
