// Package proc_sys discovers the kernel's settings (sysctl), without counters,
// random numbers and what belongs to interfaces that come and go.
//
//	(System)-[:HAS_SETTINGS]->(SettingSet {hash})-[:CONTAINS]->(Setting {name, value})
package proc_sys

import (
	"context"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "proc_sys".
var Type = discovery.Type{
	Name:    "proc_sys",
	Short:   "settings of the kernel (sysctl)",
	Every:   time.Hour,
	Files:   []string{"/etc/sysctl.conf", "/etc/sysctl.d"},
	Needs:   []string{"root: some settings are readable by root only"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:     &Type,
	Graph:  Graph,
	Shared: Shared,
	About: discovery.About{
		Reads: []string{"/proc/sys"},
		Keys: []discovery.Field{
			{Key: "settings", Meaning: "by name as sysctl -a has it; a number where the value is one, else text with single blanks"},
			{Key: "truncated", Meaning: "true when there were more settings than the limit of 16384"},
		},
		Graph: "(System)-[:HAS_SETTINGS]->(SettingSet)-[:CONTAINS]->(Setting), without those of one system or interface",
	},
}

// Payload is the document.
type Payload struct {
	Settings  map[string]any `json:"settings"`
	Truncated bool           `json:"truncated,omitempty"`
}

// maxSettings bounds a document; every interface brings a hundred.
const maxSettings = 16384

// restless are settings that change by themselves, one expression each: counts
// and states of the moment, random numbers, what the kernel tunes as it runs.
var restless = regexp.MustCompile(`^(` + strings.Join([]string{
	`fs\.(dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota\..*)`,
	`fs\.binfmt_misc\..*`,
	`kernel\.(ns_last_pid|cad_pid|pty\.nr|perf_event_max_sample_rate|hung_task_detect_count|hung_task_warnings|sched_domain\..*|tainted_by.*|random\.(entropy_avail|uuid|boot_id))`,
	`kernel\.random\.urandom_min_reseed_secs`,
	`kernel\.keys\.gc_delay`,
	`net\.netfilter\.nf_conntrack_count`,
	`net\.ipv[46]\.route\.flush`,
	// The same as the _ms settings beside them, in coarser units, and shown by no tool.
	`net\.ipv[46]\.neigh\..*\.(base_reachable_time|retrans_time)`,
	`sunrpc\..*(transports|usage)`,
	`dev\.cdrom\.info`,
	`vm\.(stat_refresh|compact_memory|drop_caches)`,
}, "|") + `)$`)

// passing are the settings of interfaces that come and go with containers and
// virtual machines.
var passing = regexp.MustCompile(`^net\.(ipv4|ipv6|mpls)\.(conf|neigh)\.(veth|vnet|tap|cali|lxc|cni|flannel|br-|docker|virbr|podman|vxlan|tunl|dummy)`)

// secret are settings that are keys.
var secret = regexp.MustCompile(`(stable_secret|tcp_fastopen_key|fastopen_key)$`)

func collect(ctx context.Context, h discovery.Host) (any, error) {
	const top = "proc/sys"
	doc := &Payload{Settings: map[string]any{}}
	err := fs.WalkDir(h.Root(), top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && path == top:
			return discovery.ErrNotHere
		case err != nil || d.IsDir():
			return nil // gone meanwhile, or closed to us
		case len(doc.Settings) == maxSettings:
			doc.Truncated = true
			return fs.SkipAll
		}
		name := settingName(strings.TrimPrefix(path, top+"/"))
		if restless.MatchString(name) || passing.MatchString(name) {
			return nil
		}
		if secret.MatchString(name) {
			return nil
		}
		// Some can only be written, to make the kernel do something.
		if info, err := d.Info(); err != nil || info.Mode()&0o444 == 0 {
			return nil
		}
		text, err := conf.ReadMost(h, path, conf.MaxLine)
		if err != nil {
			return nil
		}
		doc.Settings[name] = value(text)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// settingName turns a path into sysctl's name: slashes and dots change places,
// since an interface may be called eth0.100.
func settingName(path string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '/':
			return '.'
		case '.':
			return '/'
		}
		return r
	}, path)
}

// value makes the blanks of tables single and keeps lines apart.
func value(text string) any {
	var lines []string
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 0 {
			lines = append(lines, strings.Join(fields, " "))
		}
	}
	return conf.Value(strings.Join(lines, "\n"))
}
