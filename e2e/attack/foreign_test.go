package attack

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"assim/api"
	"assim/event"
)

// foreign is the nanoprobe in Python that is written by docs/protocol.md alone.
const foreign = "../../docs/vectors/nanoprobe.py"

// python is one that has what it needs. Not every one does: scripts/setup
// installs it for that of the system.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(name, "-c", "import cryptography, OpenSSL").Run() == nil {
			return name
		}
	}
	if os.Getenv("ASSIM_LAB") == "required" {
		t.Fatal("no Python with cryptography and OpenSSL: scripts/setup test installs it")
	}
	t.Skip("no Python with cryptography and OpenSSL: the document is not tried (scripts/setup test installs it)")
	return ""
}

func TestTheDocumentAndItsVectorsSayTheSame(t *testing.T) {
	if out, err := exec.Command(python(t), foreign, "vectors").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// Somebody who has read nothing but the document writes a nanoprobe that joins,
// announces itself, sends a document, and does its duty in the rings beside a
// real one: it is heard, it dies when it falls silent, and says goodbye.
func TestANanoprobeByTheDocumentAloneIsOneLikeAnyOther(t *testing.T) {
	t.Parallel()
	py := python(t)
	s := startCMA(t, "-profile", "fast")
	c := s.client()
	real := s.startProbe().id()
	token, err := c.CreateToken(t.Context(), api.ToJoin, tokenRequest())
	if err != nil {
		t.Fatal(err)
	}
	start := func(name string) (*exec.Cmd, chan string) {
		t.Helper()
		cmd := exec.Command(py, foreign, "run", token.Join, name)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = cmd.Stdout
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		said := make(chan string, 1000)
		go func() {
			defer close(said)
			for lines := bufio.NewScanner(out); lines.Scan(); {
				said <- lines.Text()
			}
		}()
		return cmd, said
	}
	says := func(said chan string, words ...string) {
		t.Helper()
		var all []string
		end := time.After(patience)
		for len(words) > 0 {
			select {
			case line, more := <-said:
				if !more {
					t.Fatalf("it ended, and did not say %q: %q", words[0], all)
				}
				if all = append(all, line); strings.HasPrefix(line, words[0]) {
					words = words[1:]
				}
			case <-end:
				t.Fatalf("it does not say %q: %q", words[0], all)
			}
		}
	}
	happens := func(kind event.Kind, name string) {
		t.Helper()
		for end := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
			got, err := c.Events(t.Context(), 0, 10_000)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got.Events {
				if e.Kind == kind && e.Name == name {
					return
				}
			}
			if time.Now().After(end) {
				t.Fatalf("%s is not told about %s: %v", kind, name, s.events())
			}
		}
	}

	one, saidOne := start("one")
	says(saidOne, "joined n-", "acknowledged kind 1", "acknowledged kind 3", "alive "+real.String())
	two, saidTwo := start("two")
	says(saidTwo, "joined n-", "acknowledged kind 3", "alive n-")
	docs, err := c.Docs(t.Context(), "one", "os", time.Time{})
	if err != nil || len(docs) != 1 || !strings.Contains(string(docs[0].JSON), `"hostname":"one"`) {
		t.Errorf("its document is %v, %v", docs, err)
	}
	// The real one hears it, and nobody complains.
	<-time.After(2 * time.Second)
	for _, e := range s.events() {
		if strings.HasPrefix(e, string(event.Unresponsive)) || strings.HasPrefix(e, string(event.SystemDead)) || strings.HasPrefix(e, string(event.Clone)) {
			t.Errorf("told: %s", e)
		}
	}
	if err := two.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	happens(event.NanoprobeStopped, "two")
	if err := one.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	says(saidOne, "stopped")
	happens(event.ShutDown, "one")
}
