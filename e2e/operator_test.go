package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnOperatorAsksFromAnotherSystemUntilThatIsRevoked(t *testing.T) {
	t.Parallel()
	w := start(t, alone)
	ctx := within(t, patience)
	out, err := w.Assim(ctx, "operator", "create", "-address", w.Addr("cma").String(), "-for", "1h", "-note", "alice")
	if err != nil {
		t.Fatal(err)
	}
	permission := strings.TrimSpace(string(out))
	// As the operator does: the string in the environment.
	far := func(args ...string) (string, int) {
		t.Helper()
		p, err := w.StartEnv("h01", []string{"ASSIM_CMA=" + permission}, append([]string{filepath.Join(w.Bin, "assim")}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		state, err := p.Wait(within(t, patience))
		if err != nil {
			t.Fatal(err)
		}
		return p.Output(), state.ExitCode()
	}
	const query = "MATCH (s:System) RETURN s.name AS name ORDER BY name"
	near, err := w.Assim(ctx, "query", "-json", query)
	if err != nil {
		t.Fatal(err)
	}
	rows := func(text []byte) string { // without how long it took
		var r struct{ Rows [][]any }
		if err := json.Unmarshal(text, &r); err != nil {
			return err.Error()
		}
		return fmt.Sprint(r.Rows)
	}
	if text, status := far("query", "-json", query); status != 0 || rows([]byte(text)) != rows(near) {
		t.Errorf("from afar: status %d\n%s\nnear: %s", status, text, near)
	}
	if text, status := far("systems"); status != 0 || !strings.Contains(text, "h01") {
		t.Errorf("systems from afar: status %d\n%s", status, text)
	}
	list, err := w.Assim(ctx, "operator", "list")
	if err != nil {
		t.Fatal(err)
	}
	line := list[bytes.LastIndexByte(bytes.TrimSpace(list), '\n')+1:]
	id := string(bytes.Fields(line)[0])
	if _, err := w.Assim(ctx, "operator", "revoke", id); err != nil {
		t.Fatalf("%v\n%s", err, list)
	}
	if text, status := far("systems"); status == 0 || strings.Contains(text, "h01") {
		t.Errorf("after the permission was revoked: status %d\n%s", status, text)
	}
	// A wrong secret of the right CMA, and no permission at all.
	permission = permission[:len(permission)-4] + "aaaa"
	if text, status := far("systems"); status == 0 || strings.Contains(text, "h01") {
		t.Errorf("with a wrong secret: status %d\n%s", status, text)
	}
	permission = ""
	if text, status := far("systems"); status != 3 || !strings.Contains(text, "-cma") {
		t.Errorf("without a permission: status %d\n%s", status, text)
	}
}
