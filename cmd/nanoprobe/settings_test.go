package main

import (
	"os"
	"strings"
	"testing"

	"assim/config"
)

func TestEverySettingIsInTheManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(config.Table("nanoprobe", config.Settings(&settings{}))) {
		if !strings.Contains(string(manual), row) {
			t.Errorf("docs/operating.md lacks the row\n%s", row)
		}
	}
}
