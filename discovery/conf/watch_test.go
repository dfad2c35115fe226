package conf

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"assim/discovery/discoverytest"
)

const watchList = "etc/assim/x.list"

func watchedBy(text string) (Watched, fs.FS) {
	root := fstest.MapFS{watchList: {Data: []byte(text)}, "srv/www/a/b": {}, "srv/www/c": {}, "opt/x/run": {}}
	return ReadWatched(discoverytest.NewHost(root, discoverytest.Host{}), watchList), root
}

func TestAListNamesFilesPatternsAndAllBelowADirectory(t *testing.T) {
	for text, want := range map[string][]string{
		"":                    nil,
		"# nothing\n\n":       nil,
		"/srv/www/c\n":        {"srv/www/c"},
		"/nowhere\n":          {"nowhere"}, // whether it is there is for others to see
		"/srv/*/c\n":          {"srv/www/c"},
		"/srv/**":             {"srv/www/a/b", "srv/www/c"},
		"/opt/?/run\n/srv/x*": {"opt/x/run"},
		"/srv/nowhere/**":     nil,
	} {
		w, root := watchedBy(text)
		var got []string
		all := w.Each(t.Context(), root, func(name string) bool { got = append(got, name); return true })
		if !slices.Equal(got, want) || !all || len(w.Errors) > 0 {
			t.Errorf("%q: %q, all %v, errors %q; want %q", text, got, all, w.Errors, want)
		}
	}
}

func FuzzWatched(f *testing.F) {
	for _, text := range []string{"/srv/**\n/opt/*/run\n", "/bad/[\nrelative\n", "/../x\n//\n/\n/**\n", "/srv/[a-z]*/\\c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, root := watchedBy(text)
		w.Each(t.Context(), root, func(name string) bool {
			if !fs.ValidPath(name) {
				t.Errorf("%q names %q", text, name)
			}
			return true
		})
	})
}
