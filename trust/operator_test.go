package trust

import (
	"strings"
	"testing"

	"assim/wire"
)

func TestAnOperatorStringSurvivesItsWayAndIsNoJoinString(t *testing.T) {
	j := NewOperator("fd77::1", 1984, wire.PubKey{1})
	s := OperatorString(j)
	if !IsOperator(s) || !strings.Contains(s, "[fd77::1]:1984") {
		t.Errorf("got %s", s)
	}
	if back, err := ParseOperator(s); err != nil || back != j {
		t.Errorf("came back as %+v, %v", back, err)
	}
	if _, err := ParseJoin(s); err == nil {
		t.Error("an operator string lets a nanoprobe join")
	}
	if secret, err := ParseSecret(SecretString(j)); err != nil || secret != j.Secret {
		t.Errorf("secret came back as %x, %v", secret, err)
	}
	if NewOperator("h", 1, wire.PubKey{1}).Secret == j.Secret {
		t.Error("two permissions share a secret")
	}
}
