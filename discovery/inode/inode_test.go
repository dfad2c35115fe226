package inode

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestARewrittenFileHasAnotherStampThoughItsTimeWasSetBack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	stamp := func(text string) Stamp {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		s, uid, _, ok := Of(info)
		if !ok || int(uid) != os.Getuid() {
			t.Errorf("owner %d, %v", uid, ok)
		}
		return s
	}
	first := stamp("good")
	for deadline := time.Now().Add(5 * time.Second); stamp("evil") == first; {
		if time.Now().After(deadline) {
			t.Fatal("the same stamp for other content")
		}
	}
}
