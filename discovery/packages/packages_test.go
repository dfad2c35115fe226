package packages

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/graph"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func TestTheListEqualsDpkgs(t *testing.T) {
	query, err := exec.LookPath("dpkg-query")
	if err != nil {
		t.Skip("there is no dpkg-query here to compare with")
	}
	out, err := exec.Command(query, "-W", "-f", `${db:Status-Status}\t${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n`).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
		if line, ok := strings.CutPrefix(s.Text(), "installed\t"); ok {
			want = append(want, line)
		}
	}
	list, err := debs(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range list {
		source, version := x.Source, x.SourceVersion
		if source == "" {
			source = x.Name
		}
		if version == "" {
			version = x.Version
		}
		got = append(got, strings.Join([]string{x.Name, x.Version, x.Arch, source, version}, " "))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d packages, dpkg-query has %d", len(got), len(want))
	}
	t.Logf("%d packages equal dpkg-query's", len(got))
}

func TestRemovedPackagesAreNotInstalled(t *testing.T) {
	list, err := parseStatus(strings.NewReader("Package: a\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: b\nStatus: install ok installed\nVersion: 2\nSource: bb (2-1)\n"))
	if err != nil || len(list) != 1 || list[0] != (Package{Name: "b", Version: "2", Manager: "deb", Source: "bb", SourceVersion: "2-1"}) {
		t.Errorf("got %+v, %v", list, err)
	}
}

// The formats of systems that are not at hand, as their documentation gives them.
func TestOtherManagers(t *testing.T) {
	root := fstest.MapFS{
		"lib/apk/db/installed":                                               {Data: []byte("C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n\nP:libssl3\nV:3.1.4-r5\nA:x86_64\no:openssl\n")},
		"var/lib/pacman/local/zlib-1:1.3-1/desc":                             {Data: []byte("%NAME%\nzlib\n\n%VERSION%\n1:1.3-1\n\n%BASE%\nzlib\n\n%ARCH%\nx86_64\n")},
		"snap/core22/current/meta/snap.yaml":                                 {Data: []byte("name: core22\nversion: '20240111'\nsummary: x\n")},
		"var/lib/flatpak/app/org.gimp.GIMP/x86_64/stable/active/metadata":    {Data: []byte("x")},
		"usr/local/lib/python3.11/site-packages/requests-2.31.0.dist-info/x": {Data: []byte("x")},
		"usr/lib/node_modules/@angular/cli/package.json":                     {Data: []byte(`{"name":"@angular/cli","version":"17.0.1"}`)},
		"usr/lib/sysimage/rpm/rpmdb.sqlite":                                  {Data: []byte("x")},
	}
	host := discoverytest.NewHost(root, discoverytest.Host{Run: map[string]string{"rpm -qa --qf " + rpmFormat: "bash\t(none)\t5.1.8\t9.el9\tx86_64\tbash-5.1.8-9.el9.src.rpm\n" +
		"openssl-libs\t1\t3.0.7\t27.el9\tx86_64\topenssl-3.0.7-27.el9.src.rpm\ngpg-pubkey\t(none)\t1\t2\t(none)\t(none)\n"}})
	got, err := Type.Collect(context.Background(), host)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, x := range got.(*Payload).Packages {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", x.Manager, x.Name, x.Version, x.Arch, x.Source)))
	}
	want := []string{
		"apk libssl3 3.1.4-r5 x86_64 openssl", "apk musl 1.2.4-r2 x86_64", "flatpak org.gimp.GIMP stable x86_64", "npm @angular/cli 17.0.1",
		"pacman zlib 1:1.3-1 x86_64", "pip requests 2.31.0", "rpm bash 5.1.8-9.el9 x86_64", "rpm openssl-libs 1:3.0.7-27.el9 x86_64 openssl", "snap core22 20240111",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestSystemsInstalledAlikeShareOneSet(t *testing.T) {
	doc, _, err := discovery.Canonical(&Payload{Packages: []Package{{Name: "bash", Version: "5", Manager: "deb"}}})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := Graph(graph.Key{Label: graph.System, ID: "n-1"}, doc)
	b, _ := Graph(graph.Key{Label: graph.System, ID: "n-2"}, doc)
	shared, err := Shared(doc)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Rels) != 1 || a.Rels[0].To != b.Rels[0].To || shared.Rels[0].From != a.Rels[0].To {
		t.Errorf("the sets differ: %v, %v, %v", a.Rels, b.Rels, shared.Rels)
	}
	if shared.Source != "packages/"+a.Rels[0].To.ID {
		t.Errorf("the set's source is %q", shared.Source)
	}
}

func TestNoPackageManagerIsNoDocument(t *testing.T) {
	if _, err := Type.Collect(context.Background(), discoverytest.NewHost(fstest.MapFS{}, discoverytest.Host{})); err != discovery.ErrNotHere {
		t.Errorf("got %v", err)
	}
}

func FuzzParsers(f *testing.F) {
	f.Add("Package: a\nStatus: install ok installed\nVersion: 1\nSource: b (2)\n")
	f.Add("P:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n")
	f.Add("bash\t(none)\t5.1.8\t9.el9\tx86_64\tbash-5.1.8-9.el9.src.rpm\n")
	f.Add("%NAME%\nzlib\n\n%VERSION%\n1\n")
	f.Add("name: core22\nversion: '20240111'\n")
	f.Add("requests-2.28.1.dist-info")
	f.Fuzz(func(t *testing.T, text string) {
		deb, _ := parseStatus(strings.NewReader(text))
		apk, _ := parseAPK(strings.NewReader(text))
		for _, x := range slices.Concat(deb, apk, parseRPM(text), []Package{parsePacman(text), parseSnap(text), pythonPackage(text), parseNPM(text)}) {
			for _, s := range []string{x.Name, x.Version, x.Arch, x.Source} {
				if !utf8.ValidString(s) || strings.ContainsFunc(s, unfit) || len(s) > maxField {
					t.Errorf("%q in %+v", s, x)
				}
			}
		}
	})
}
