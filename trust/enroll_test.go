package trust_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"assim/trust"
	"assim/trust/trusttest"
	"assim/wire"
)

var (
	now  = time.Unix(1_700_000_000, 0)
	from = netip.MustParseAddr("10.1.2.3")
)

// office is a CMA's register with its memory, and a token.
type office struct {
	t     *testing.T
	kv    *trusttest.KV
	keys  *trust.CMAKeys
	reg   *trust.Registry
	e     *trust.Enroller
	count byte
}

func newOffice(t *testing.T) *office {
	t.Helper()
	keys, _, err := trust.LoadCMAKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, kv: &trusttest.KV{}, keys: keys}
	o.restart()
	return o
}

// restart opens the register anew from what is durable.
func (o *office) restart() {
	reg, err := trust.NewRegistry(o.kv)
	if err != nil {
		o.t.Fatal(err)
	}
	o.reg = reg
	policy := trust.Policy{}
	if o.e != nil {
		policy = o.e.Policy
	}
	o.e = &trust.Enroller{Registry: reg, Keys: o.keys, Policy: policy}
}

func (o *office) token(limits trust.Token) trust.Join {
	o.t.Helper()
	j, _, err := o.reg.CreateToken(now, limits, "cma", 1984, o.keys.Pub())
	if err != nil {
		o.t.Fatal(err)
	}
	return j
}

var binding = []byte("this very connection")

// applicant is a newcomer of its own key, with a permission if j is not zero.
func (o *office) applicant(name string, j trust.Join) *trust.Applicant {
	o.count++
	m := &wire.Enroll{Pub: wire.PubKey{o.count, 7}, About: wire.Announce{Name: name, Machine: [16]byte{o.count}}}
	if j != (trust.Join{}) {
		m.Token = trust.TokenIDOf(j.Secret)
		m.Proof = wire.EnrollProof(trust.Verifier(j.Secret), m.Pub, binding)
	}
	return &trust.Applicant{Enroll: m, From: from, Binding: binding}
}

func (o *office) refused(what string, a *trust.Applicant, want wire.Code) {
	o.t.Helper()
	_, err := o.e.Decide(now, a)
	var r wire.Refused
	if !errors.As(err, &r) || r.Code != want {
		o.t.Errorf("%s: got %v, want %s", what, err, want)
	}
}

func (o *office) welcomed(what string, a *trust.Applicant) wire.ID {
	o.t.Helper()
	w, err := o.e.Decide(now, a)
	if err != nil {
		o.t.Errorf("%s: %v", what, err)
	}
	return w.ID
}

func TestTokenAdmitsAndAskingAgainGivesTheSameAnswer(t *testing.T) {
	o := newOffice(t)
	a := o.applicant("web01", o.token(trust.Token{Max: 1}))
	id := o.welcomed("first", a)
	if id.IsZero() || o.reg.Standing(id) != trust.Member {
		t.Fatal("not a member")
	}
	puts := o.kv.Puts
	if again := o.welcomed("again", a); again != id || o.kv.Puts != puts {
		t.Fatalf("asked again, it is %s instead of %s", again, id)
	}
	o.restart()
	if again := o.welcomed("after a restart", a); again != id {
		t.Fatalf("after a restart it is %s instead of %s", again, id)
	}
}

func TestTokensAreRefusedBeyondTheirLimits(t *testing.T) {
	o := newOffice(t)
	once := o.token(trust.Token{Max: 1})
	o.welcomed("first of one", o.applicant("a", once))
	o.restart() // The use is durable.
	o.refused("second of one", o.applicant("b", once), wire.CodeExpired)

	o.refused("late", o.applicant("a", o.token(trust.Token{Expires: now.Add(-time.Second)})), wire.CodeExpired)
	o.refused("other name", o.applicant("b", o.token(trust.Token{Name: "a"})), wire.CodeBound)
	o.refused("other network", o.applicant("a", o.token(trust.Token{From: netip.MustParsePrefix("10.9.0.0/16")})), wire.CodeBound)
	o.refused("other machine", o.applicant("a", o.token(trust.Token{Machine: trust.MachineName([16]byte{200})})), wire.CodeBound)
	o.welcomed("right in all", o.applicant("a", o.token(trust.Token{
		Name: "a", From: netip.MustParsePrefix("10.1.0.0/16"), Machine: trust.MachineName([16]byte{o.count + 1}), Expires: now.Add(time.Hour),
	})))

	bad := o.applicant("a", o.token(trust.Token{}))
	bad.Binding = []byte("another connection")
	o.refused("proof taken from another connection", bad, wire.CodeBadProof)
	stolen := o.applicant("a", o.token(trust.Token{}))
	stolen.Enroll.Pub = wire.PubKey{99}
	o.refused("proof for another key", stolen, wire.CodeBadProof)
	o.refused("token of another CMA", o.applicant("a", trust.Join{Host: "x", Secret: [16]byte{1}}), wire.CodeUnknownToken)
	o.refused("without a token", o.applicant("a", trust.Join{}), wire.CodeUnknownToken)
}

func TestLeakedTokenCannotTakeOverAMember(t *testing.T) {
	o := newOffice(t)
	j := o.token(trust.Token{})
	victim := o.applicant("db01", j)
	id := o.welcomed("victim", victim)
	thief := o.applicant("db01", j)
	thief.Enroll.About.Machine = victim.Enroll.About.Machine
	thief.Enroll.Was = id
	if got := o.welcomed("thief", thief); got == id {
		t.Fatal("the thief is the victim now")
	}
	if who, _, _ := o.reg.ByKey(victim.Enroll.Pub); who != id {
		t.Fatal("the victim lost its identity")
	}
}

func TestRevocationHoldsWhateverTokenLives(t *testing.T) {
	o := newOffice(t)
	j := o.token(trust.Token{})
	a := o.applicant("web01", j)
	id := o.welcomed("first", a)
	if err := o.reg.Revoke(id); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at once", "after a restart"} {
		if o.reg.Standing(id) != trust.Outcast {
			t.Errorf("%s: standing %d", when, o.reg.Standing(id))
		}
		o.refused(when, a, wire.CodeRevoked)
		o.restart()
	}
	if err := o.reg.Pardon(id); err != nil {
		t.Fatal(err)
	}
	if again := o.welcomed("pardoned", a); again != id {
		t.Fatal("pardoned, it is somebody else")
	}
	if o.reg.Standing(wire.ID{77}) != trust.Stranger {
		t.Error("somebody unknown is not a stranger")
	}
}

func TestRevokedTokenTakesItsMembersAlongWhenAsked(t *testing.T) {
	o := newOffice(t)
	leaked, good := o.token(trust.Token{}), o.token(trust.Token{})
	var out []wire.ID
	for i := range 3 {
		out = append(out, o.welcomed("leaked", o.applicant(fmt.Sprint("bad", i), leaked)))
	}
	stays := o.welcomed("good", o.applicant("good", good))
	ids, err := o.reg.RevokeToken(trust.TokenIDOf(leaked.Secret), true)
	if err != nil || len(ids) != 3 {
		t.Fatalf("%d revoked: %v", len(ids), err)
	}
	for _, id := range out {
		if o.reg.Standing(id) != trust.Outcast {
			t.Errorf("%s stays", id)
		}
	}
	if o.reg.Standing(stays) != trust.Member || o.reg.Count() != 1 {
		t.Error("the wrong one went")
	}
	o.refused("with the revoked token", o.applicant("late", leaked), wire.CodeRevoked)
}

func TestNothingChangesWhenTheRegisterCannotBeWritten(t *testing.T) {
	o := newOffice(t)
	j := o.token(trust.Token{Max: 1})
	o.kv.Fail = errors.New("disk full")
	a := o.applicant("web01", j)
	if _, err := o.e.Decide(now, a); !errors.Is(err, o.kv.Fail) {
		t.Fatalf("got %v", err)
	}
	if _, _, known := o.reg.ByKey(a.Enroll.Pub); known {
		t.Fatal("in memory it is a member")
	}
	o.kv.Fail = nil
	o.welcomed("when the disk has room", a)
}

func TestZeroConfigurationWaitsForAPerson(t *testing.T) {
	o := newOffice(t)
	o.e.Policy.ZeroConfiguration = true
	byName, byPrint, byNet := o.applicant("lab1", trust.Join{}), o.applicant("lab2", trust.Join{}), o.applicant("lab3", trust.Join{})
	byNet.From = netip.MustParseAddr("192.0.2.7")
	for _, a := range []*trust.Applicant{byName, byPrint, byNet} {
		o.refused("asks", a, wire.CodePending)
		o.refused("asks again", a, wire.CodePending)
	}
	o.restart()
	if n := len(o.reg.Pending()); n != 3 {
		t.Fatalf("%d wait", n)
	}
	for _, what := range []string{"lab1", trust.Fingerprint(byPrint.Enroll.Pub), "192.0.2.0/24"} {
		if n, err := o.reg.Accept(now, what); n != 1 || err != nil {
			t.Errorf("accept %s: %d, %v", what, n, err)
		}
	}
	for _, a := range []*trust.Applicant{byName, byPrint, byNet} {
		id := o.welcomed("accepted", a)
		if !o.reg.Weak(id) {
			t.Error("one that pinned the first CMA it met is not called weak")
		}
	}
	if len(o.reg.Pending()) != 0 {
		t.Error("the accepted still wait")
	}
	another := o.applicant("lab4", trust.Join{})
	another.From = netip.MustParseAddr("192.0.2.8")
	o.welcomed("from the accepted network, soon after", another)
	o.refused("not accepted", o.applicant("lab5", trust.Join{}), wire.CodePending)
}

func TestWaitingListIsBounded(t *testing.T) {
	o := newOffice(t)
	o.e.Policy.ZeroConfiguration = true
	busy := 0
	for i := range 1500 {
		a := o.applicant("flood", trust.Join{})
		a.Enroll.Pub = wire.PubKey{byte(i), byte(i >> 8), 1}
		var r wire.Refused
		if _, err := o.e.Decide(now, a); errors.As(err, &r) && r.Code == wire.CodeBusy {
			busy++
		}
	}
	if len(o.reg.Pending()) > 1000 || busy != 500 {
		t.Fatalf("%d wait, %d were sent away", len(o.reg.Pending()), busy)
	}
}

// Names are chosen by whoever asks: one who calls himself by the fingerprint of
// another, or by a network, is not let in with it.
func TestNobodyIsAcceptedByANameThatLooksLikeSomethingElse(t *testing.T) {
	o := newOffice(t)
	o.e.Policy.ZeroConfiguration = true
	honest := o.applicant("honest", trust.Join{})
	print := trust.Fingerprint(honest.Enroll.Pub)
	asFingerprint, asNetwork := o.applicant(print, trust.Join{}), o.applicant("198.51.100.0/24", trust.Join{})
	for _, a := range []*trust.Applicant{honest, asFingerprint, asNetwork} {
		o.refused("asks", a, wire.CodePending)
	}
	if n, err := o.reg.Accept(now, "198.51.100.0/24"); n != 0 || err != nil {
		t.Errorf("accepted a network without anybody in it: %d, %v", n, err)
	}
	if n, err := o.reg.Accept(now, print); n != 1 || err != nil {
		t.Errorf("accepted a fingerprint: %d, %v", n, err)
	}
	if _, err := o.reg.Accept(now, "aaaa-aaaa-aaaa-aaaa"); err == nil {
		t.Error("a fingerprint that nobody has is accepted")
	}
	o.welcomed("honest", honest)
	o.refused("named like a fingerprint", asFingerprint, wire.CodePending)
	o.refused("named like a network", asNetwork, wire.CodePending)
}

// A person may accept a name or a network before anybody asks under it: that
// outlives a restart of the CMA, and ends after an hour.
func TestAnAcceptanceAheadSurvivesARestartAndEnds(t *testing.T) {
	for _, c := range []struct {
		what  string
		later time.Duration
		in    bool
	}{
		{"lab1", 59 * time.Minute, true}, {"10.1.2.0/24", 59 * time.Minute, true},
		{"10.1.2.3", 59 * time.Minute, true}, {"10.1.2.99", time.Minute, false},
		{"lab2", time.Minute, false}, {"10.1.9.0/24", time.Minute, false}, {"lab1", 61 * time.Minute, false},
	} {
		o := newOffice(t)
		o.e.Policy.ZeroConfiguration = true
		if n, err := o.reg.Accept(now, c.what); n != 0 || err != nil {
			t.Fatalf("%q: %d, %v", c.what, n, err)
		}
		o.restart()
		if _, err := o.e.Decide(now.Add(c.later), o.applicant("lab1", trust.Join{})); (err == nil) != c.in {
			t.Errorf("accepted %q, asked %v later: %v", c.what, c.later, err)
		}
		if n, err := o.reg.Refuse(c.what); err != nil || n == 0 {
			t.Errorf("%q: taken back %d, %v", c.what, n, err)
		}
		o.restart()
		if _, err := o.e.Decide(now.Add(time.Minute), o.applicant("lab1", trust.Join{})); err == nil {
			t.Errorf("%q was taken back, and a restart brings it back", c.what)
		}
	}
}

// As a name it would wait for ever, for nobody's name has a slash.
func TestWhatOnlyLooksLikeANetworkIsSaidToBeNone(t *testing.T) {
	o := newOffice(t)
	for _, what := range []string{"10.0.7.0/33", "10.0.7/24", "web/7", "/"} {
		if n, err := o.reg.Accept(now, what); err == nil || n != 0 || !strings.Contains(err.Error(), "10.0.7.0/24") {
			t.Errorf("accepting %q: %d, %v", what, n, err)
		}
		if err := (&trust.Token{}).Bind(what); err == nil {
			t.Errorf("a string is bound to %q", what)
		}
	}
}

func TestATokenIsBoundToWhatIsNamed(t *testing.T) {
	for what, want := range map[string]trust.Token{
		"web7":                             {Name: "web7"},
		"10.0.7.9/24":                      {From: netip.MustParsePrefix("10.0.7.0/24")},
		"10.0.7.9":                         {From: netip.MustParsePrefix("10.0.7.9/32")},
		"fd00:7::9":                        {From: netip.MustParsePrefix("fd00:7::9/128")},
		"::ffff:10.0.7.9":                  {From: netip.MustParsePrefix("10.0.7.9/32")},
		"00112233445566778899AABBCCDDEEFF": {Machine: "00112233445566778899aabbccddeeff"},
		"00112233":                         {Name: "00112233"},
		"":                                 {},
	} {
		var got trust.Token
		if err := got.Bind(what); err != nil {
			t.Errorf("%q: %v", what, err)
		}
		if got.Name != want.Name || got.From != want.From || got.Machine != want.Machine {
			t.Errorf("%q binds to %+v", what, got)
		}
		if got.Max = 1; got.Strict() != (what != "") {
			t.Errorf("%q: strict %v", what, got.Strict())
		}
	}
}

func TestWhoIsRefusedIsForgottenAndMayAskAgain(t *testing.T) {
	o := newOffice(t)
	o.e.Policy.ZeroConfiguration = true
	a := o.applicant("lab1", trust.Join{})
	o.refused("asks", a, wire.CodePending)
	if n, err := o.reg.Accept(now, "lab2"); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	for what, want := range map[string]int{"lab1": 1, "lab2": 1, "lab3": 0} {
		if n, err := o.reg.Refuse(what); n != want || err != nil {
			t.Errorf("refuse %s: %d, %v", what, n, err)
		}
	}
	if n := len(o.reg.Pending()); n != 0 {
		t.Errorf("%d wait", n)
	}
	o.refused("asks again", a, wire.CodePending)
	o.refused("accepted, and that taken back", o.applicant("lab2", trust.Join{}), wire.CodePending)
}

func TestStrictCMAWantsANarrowTokenAndAPerson(t *testing.T) {
	o := newOffice(t)
	o.e.Policy.Strict = true
	o.e.Policy.ZeroConfiguration = true
	o.refused("no token", o.applicant("a", trust.Join{}), wire.CodeUnknownToken)
	o.refused("reusable token", o.applicant("a", o.token(trust.Token{Name: "a"})), wire.CodeBound)
	o.refused("unbound token", o.applicant("a", o.token(trust.Token{Max: 1})), wire.CodeBound)
	a := o.applicant("a", o.token(trust.Token{Max: 1, Name: "a"}))
	o.refused("right token, nobody accepted", a, wire.CodePending)
	if n, err := o.reg.Accept(now, "a"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	id := o.welcomed("right token, accepted", a)
	if o.reg.Weak(id) {
		t.Error("a token holder is called weak")
	}
}

func TestRootOnTheCMAsHostNeedsNoToken(t *testing.T) {
	o := newOffice(t)
	a := o.applicant("cma", trust.Join{})
	a.Local = true
	o.welcomed("local", a)
}

func TestNodeKeyRotationKeepsTheIdentity(t *testing.T) {
	o := newOffice(t)
	a := o.applicant("web01", o.token(trust.Token{}))
	id := o.welcomed("first", a)
	other := o.welcomed("other", o.applicant("web02", o.token(trust.Token{})))
	if err := o.reg.Rekey(id, wire.PubKey{55}); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at once", "after a restart"} {
		if who, _, ok := o.reg.ByKey(wire.PubKey{55}); !ok || who != id {
			t.Errorf("%s: the new key is unknown", when)
		}
		if _, _, ok := o.reg.ByKey(a.Enroll.Pub); ok {
			t.Errorf("%s: the old key is still good", when)
		}
		o.restart()
	}
	if err := o.reg.Rekey(other, wire.PubKey{55}); err == nil {
		t.Error("two members share a key")
	}
}

func TestAnotherMachineUnderTheSameIdentityIsNoticed(t *testing.T) {
	o := newOffice(t)
	a := o.applicant("web01", o.token(trust.Token{}))
	id := o.welcomed("first", a)
	if !o.reg.SameMachine(id, a.Enroll.About.Machine) || o.reg.SameMachine(id, [16]byte{200}) {
		t.Fatal("machines are not told apart")
	}
}

// street is a stranger at the door of an office.
