package ulimit

import (
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzParse(f *testing.F) {
	f.Add("Max open files            1024                 4096                 files\n* - core 0 # x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for name, l := range parseLimits(text) {
			if strings.Contains(name, "\n") || l.Soft < -1 || l.Hard < -1 {
				t.Errorf("%q: %+v", name, l)
			}
		}
		parseLogins(text)
	})
}
