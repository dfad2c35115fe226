package truth

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"assim/e2e/lab"
)

// brings are the packages of such a root beside the least there can be: rpm and
// rpmbuild among them, so that it also has packages of the other family.
const brings = "systemd,systemd-sysv,openssh-server,procps,rpm,python3-pip,cron"

// leastOfRoot is leastNamed for a root file system, of which nothing runs.
const leastOfRoot = 90

func TestOtherRootFileSystemsEqualWhatTheirOwnToolsSay(t *testing.T) {
	if os.Getenv("ASSIM_TRUTH") != "whole" {
		t.Skip("makes root file systems of other releases, which takes some minutes: make truth")
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		t.Fatal("debootstrap is not here; apt-get install debootstrap")
	}
	bin := lab.Programs(t)
	for _, release := range []string{"trixie", "bullseye"} {
		t.Run(release, func(t *testing.T) {
			s := &subject{facts: &facts{t: t}, bin: bin, dir: bootstrap(t, release)}
			s.rpmPackages()
			for _, look := range []func(){s.releaseFile, s.accounts, s.packages, s.rpms, s.files, s.programs, s.unitFiles, s.config, s.sshdFile} {
				look()
			}
			s.judge(leastOfRoot)
		})
	}
}

// bootstrap makes the root file system of a release, or finds the one it made.
func bootstrap(t *testing.T, release string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "assim", "roots", release)
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return dir
	}
	os.RemoveAll(dir)
	out, err := exec.Command("debootstrap", "--variant=minbase", "--include="+brings, release, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("debootstrap %s: %v: %.2000s", release, err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inside runs a tool of the root in it.
func (s *subject) inside(args ...string) []byte {
	s.t.Helper()
	cmd := exec.Command("chroot", append([]string{s.dir}, args...)...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%s in %s: %v: %.500s", strings.Join(args, " "), s.dir, err, out)
	}
	return out
}

// rooted is what a nanoprobe discovers of the root from outside.
func (s *subject) rooted(typ string) []byte {
	s.t.Helper()
	out, err := exec.Command(filepath.Join(s.bin, "nanoprobe"), "discover", typ, "--root", s.dir, "--json").Output()
	if err != nil {
		s.t.Fatalf("%s of %s: %v", typ, s.dir, err)
	}
	return out
}

// spec makes three packages of one source, one with an epoch.
const spec = `Name: site-base
Epoch: 2
Version: 1.4
Release: 7.el9
Summary: base
License: GPL
%description
base
%package -n site-libs
Summary: libs
Version: 0.9~rc1
%description -n site-libs
libs
%package doc
Summary: doc
BuildArch: noarch
%description doc
doc
%files
%files -n site-libs
%files doc
`

// rpmPackages builds packages with the root's own rpmbuild and installs them
// with its own rpm: the database is a real one.
func (s *subject) rpmPackages() {
	s.t.Helper()
	s.inside("sh", "-c", `set -e
test -e /rpm-done && exit 0
# Debian keeps rpm's database in root's home; where packages are rpm's it is here.
mkdir -p /etc/rpm && echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros
cat > /tmp/site.spec <<'END'
`+spec+`END
rpmbuild --quiet -ba --define '_topdir /tmp/rpmbuild' /tmp/site.spec >/dev/null 2>&1
rpm -i --nodeps /tmp/rpmbuild/RPMS/*/*.rpm
touch /rpm-done`)
}

// rpms compares rpm's packages, which only a nanoprobe in the root itself asks.
func (s *subject) rpms() {
	nanoprobe, err := os.ReadFile(filepath.Join(s.bin, "nanoprobe"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "nanoprobe"), nanoprobe, 0o755); err != nil {
		s.t.Fatal(err)
	}
	d := decode[packagesDoc](s.t, "packages", s.inside("/nanoprobe", "discover", "packages", "--json"))
	theirs := map[string]string{}
	for _, line := range lines(s.inside("rpm", "-qa", "--qf", `%{NAME}:%{ARCH}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{SOURCERPM}\n`)) {
		name, value, _ := strings.Cut(line, "\t")
		theirs[name] = value
	}
	ours := map[string]string{}
	for _, p := range d.Packages {
		if p.Manager == "rpm" {
			ours[p.Name+":"+p.Arch] = fmt.Sprintf("%s %s-1.4-7.el9.src.rpm", p.Version, or(p.Source, p.Name))
		}
	}
	s.alike("packages rpm", "", ours, theirs)
	s.alike("packages deb, from inside", "", d.list("deb"), installed(s.inside("dpkg-query", "-W", "-f", dpkgFormat)))
}

func (s *subject) releaseFile() {
	type system struct {
		Name, ID, Version, Codename string
		PrettyName                  string `json:"pretty_name"`
		VersionID                   string `json:"version_id"`
	}
	d := document1[system](s, "os")
	for key, ours := range map[string]string{"NAME": d.Name, "ID": d.ID, "VERSION": d.Version, "VERSION_CODENAME": d.Codename, "PRETTY_NAME": d.PrettyName, "VERSION_ID": d.VersionID} {
		s.same("os", key, ours, strings.TrimSpace(string(s.inside("sh", "-c", ". /etc/os-release; echo \"$"+key+"\""))))
	}
}

// unitFiles compares unit files with those that systemctl lists.
func (s *subject) unitFiles() {
	type units struct {
		Units []struct{ Name, Enabled string }
	}
	ours, theirs := map[string]string{}, map[string]string{}
	for _, u := range document1[units](s, "units").Units {
		ours[u.Name] = u.Enabled
	}
	for _, line := range lines(s.inside("systemctl", "--root=/", "list-unit-files", "--type=service,timer,socket,path", "--no-legend", "--plain", "--no-pager")) {
		if f := strings.Fields(line); len(f) >= 2 {
			theirs[f[0]] = f[1]
		}
	}
	s.alike("unit files", "", ours, theirs)
}

// sshdFile compares what is set in files with what the daemon makes of it; what
// nobody set only the daemon itself knows.
func (s *subject) sshdFile() {
	type sshd struct{ Settings map[string]any }
	s.inside("sh", "-c", "mkdir -p /run/sshd && ssh-keygen -A >/dev/null")
	theirs := map[string]string{}
	for _, line := range lines(s.inside("/usr/sbin/sshd", "-T")) {
		name, value, _ := strings.Cut(line, " ")
		theirs[name] = strings.TrimSpace(theirs[name] + " " + value)
	}
	for name, v := range document1[sshd](s, "sshd").Settings {
		s.same("sshd", name, normal(flat(v)), normal(theirs[name]))
	}
}
