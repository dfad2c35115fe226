package attack

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestTheListOfAttacksIsThatOfTheTests(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(t `).FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
	}
	delete(tests, t.Name())
	list, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(string(list), -1) {
		if named[name] = true; !tests[name] {
			t.Errorf("doc.go names %s, which is no test", name)
		}
	}
	for name := range tests {
		if !named[name] {
			t.Errorf("doc.go does not say against whom %s is", name)
		}
	}
}
