package users

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func TestHashesStayAtHome(t *testing.T) {
	h, err := discoverytest.Load("testdata/debian12")
	if err != nil {
		t.Fatal(err)
	}
	payload, err := collect(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	shadow, err := os.ReadFile("testdata/debian12/etc/shadow")
	if err != nil {
		t.Fatal(err)
	}
	hashes := 0
	for line := range strings.Lines(string(shadow)) {
		if field := strings.Split(line, ":")[1]; len(field) > 4 {
			hashes++
			if strings.Contains(string(doc), field) {
				t.Errorf("a hash is in the document: %s", line)
			}
		}
	}
	if hashes == 0 {
		t.Error("the recorded host has no hash; this shows nothing")
	}
}

func TestWhatAPasswordFieldMeans(t *testing.T) {
	for field, want := range map[string]string{"": "empty ", "*": "none ", "!": "none ", "!!": "none ", "!*": "none ", "$6$a$b": "set sha512", "!$y$x": "locked yescrypt",
		"abcdefghijklm": "set des", "$2b$x": "set bcrypt", "whatever": "set unknown"} {
		password, hash := state(field)
		if got := password + " " + hash; got != want {
			t.Errorf("%q means %q, want %q", field, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/bash\n", "root:$6$a:1:0:9:7:::\n")
	f.Fuzz(func(t *testing.T, passwd, shadow string) {
		users := parsePasswd(passwd)
		addShadow(users, shadow)
		for _, u := range users {
			if u.Name == "" || u.UID < 0 || strings.Contains(u.Hash, "$") {
				t.Errorf("%+v", u)
			}
		}
		parseGroup(passwd)
	})
}
