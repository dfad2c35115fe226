package cron

import (
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func TestSecretsInCommandsAreMasked(t *testing.T) {
	got := mask("cd /srv && mysqldump -phunter2 db | gzip ; curl --token=abc http://x")
	if strings.Contains(got, "hunter2") || strings.Contains(got, "abc") || !strings.Contains(got, "| gzip ;") {
		t.Errorf("got %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("*/5 * * * * root x\n@daily root y\nPATH=/bin\n7 25 cron.weekly run-parts /x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, j := range append(append(parse(text, true), parse(text, false)...), parseAnacron(text)...) {
			if j.When == "" || j.Command == "" {
				t.Errorf("%+v", j)
			}
		}
	})
}
